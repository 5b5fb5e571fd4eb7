"""Backups one by one. That a resumed run ends like an undisturbed one, `check_resume` proves for a family."""

import hashlib
import os
import re
import shutil
import signal
import threading
import warnings

import numpy as np
import pytest
from keras import callbacks as keras_callbacks

from keras_genzoo import callbacks, models
from keras_genzoo.callbacks.backup import agreed_step
from tests import support

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _gan():
    gan = models.GAN((8, 8, 1), 4, width=2, seed=0)
    gan.compile()
    return gan


def _fit(gan, backup, steps, *others):
    gan.fit(
        support.toy_images(4 * steps), batch_size=4, shuffle=False, callbacks=[backup, *others], verbose=0
    )


def _batches(step):
    """Endless, as `Backup.fit` asks for it, and without TensorFlow."""
    while True:
        yield (support.toy_images(4, seed=step),)
        step += 1


def _interrupt(batch, at=1):
    if batch == at:
        os.kill(os.getpid(), signal.SIGTERM)


def _steps(folder):
    """The steps whose backups a folder holds; fails if it holds anything else."""
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    return [int(re.fullmatch(r"step-(\d{8})-[0-9a-f]{64}\.weights\.h5", name)[1]) for name in names]


def _save(folder, step):
    """Writes the backup of a model as made, as if it had taken so many steps."""
    backup = callbacks.Backup(folder)
    backup.set_model(_gan())
    backup.step = step
    backup._save()


def test_the_last_step_is_saved_and_the_two_newest_backups_kept(tmp_path):
    _fit(_gan(), callbacks.Backup(tmp_path, every=2), 5)
    assert _steps(tmp_path) == [4, 5]


def test_the_name_of_a_backup_holds_the_hash_of_its_content(tmp_path):
    _save(tmp_path, 3)
    (file,) = tmp_path.iterdir()
    assert hashlib.sha256(file.read_bytes()).hexdigest() in file.name


class TestDamage:
    """Nothing that is damaged is restored: the backup before is, with a warning that names the file."""

    def _flip(file, bit):
        content = bytearray(file.read_bytes())
        content[bit // 8 % len(content)] ^= 1 << bit % 8
        file.write_bytes(content)

    def _cut(file, number):
        os.truncate(file, number % file.stat().st_size)

    def _zero(file, number):
        with file.open("r+b") as content:
            content.seek(number % (file.stat().st_size - 4096))
            content.write(bytes(4096))

    def _remove(file, number):
        file.unlink()

    @pytest.mark.slow_but("_flip", ci=True)
    @pytest.mark.parametrize("damage", [_flip, _cut, _zero, _remove])
    def test_the_backup_before_is_used(self, tmp_path, damage):
        gan, rng = _gan(), np.random.default_rng(0)
        _fit(gan, callbacks.Backup(tmp_path / "whole", every=1), 3)
        fresh = _gan()
        for trial in range(25):
            folder = tmp_path / str(trial)
            shutil.copytree(tmp_path / "whole", folder)
            older, newer = sorted(folder.glob("step-*"))
            damage(newer, int(rng.integers(8 * newer.stat().st_size)))
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                assert callbacks.Backup(folder).restore(fresh) == 2
            told = [str(warning.message) for warning in caught]
            assert damage is TestDamage._remove or any(f"{newer.name}' is damaged" in text for text in told)
            assert [file for file in folder.iterdir() if file.suffix == ".h5"] == [older]

    def test_where_none_is_intact_the_run_ends(self, tmp_path):
        for step in (2, 4):
            _save(tmp_path, step)
        for file in tmp_path.iterdir():
            os.truncate(file, 100)
        with (
            pytest.warns(UserWarning, match="is damaged"),
            pytest.raises(ValueError, match=r"None of the backups in .* is intact"),
        ):
            callbacks.Backup(tmp_path).restore(_gan())
        assert _steps(tmp_path) == [2, 4]

    def test_a_run_that_has_removed_a_backup_does_not_begin_again(self, tmp_path):
        """The last one left is damaged too, after the run fell back to it."""
        for step in (2, 4):
            _save(tmp_path, step)
        older, newer = sorted(tmp_path.glob("step-*"))
        os.truncate(newer, 100)
        with pytest.warns(UserWarning, match="is damaged"):
            assert callbacks.Backup(tmp_path).restore(_gan()) == 2
        os.truncate(older, 100)
        with (
            pytest.warns(UserWarning, match="is damaged"),
            pytest.raises(ValueError, match=r"None of the backups in .* is intact"),
        ):
            callbacks.Backup(tmp_path).restore(_gan())

    def test_a_backup_of_an_earlier_version_is_refused(self, tmp_path):
        _gan().save_weights(tmp_path / "step-00000003.weights.h5")
        with pytest.raises(ValueError, match="has no SHA-256 in its name"):
            callbacks.Backup(tmp_path).restore(_gan())

    def test_the_run_begins_again_where_the_first_backup_is_damaged(self, tmp_path):
        _save(tmp_path, 2)
        (file,) = tmp_path.iterdir()
        os.truncate(file, 100)
        with pytest.warns(UserWarning, match="is damaged"):
            assert callbacks.Backup(tmp_path).restore(_gan()) == 0


class TestAgreement:
    """The workers of a run go on from the newest step that all hold."""

    @pytest.mark.parametrize(
        ("held", "step"),
        [
            ([[500, 1000], [500, 1000]], 1000),
            ([[500, 1000], [1000, 1020]], 1000),
            ([[500, 1000], [0, 500]], 500),
            ([[0, 500], [0]], 0),
            ([[0], [0], [0]], 0),
        ],
    )
    def test_of_the_newest_common_step(self, held, step):
        assert agreed_step(held) == step

    @pytest.mark.parametrize("held", [[[1000, 1500], [0, 500]], [[500, 1000], [0]], [[7, 9], [9], [7]]])
    def test_without_a_common_step_the_run_is_refused(self, held):
        with pytest.raises(ValueError, match=r"no backup of a common step \(worker 0: \d+, .*worker 1: "):
            agreed_step(held)


def test_one_backup_every_so_many_steps(tmp_path):
    seen = []
    backup = callbacks.Backup(tmp_path, every=2)
    watcher = keras_callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(_steps(tmp_path))
    )
    _fit(_gan(), backup, 5, watcher)
    assert seen == [[], [2], [2], [2, 4], [2, 4]]


def test_restores_everything_and_tells_the_step(tmp_path):
    saved = _gan()
    _fit(saved, callbacks.Backup(tmp_path), 3)
    loaded = _gan()
    backup = callbacks.Backup(tmp_path)
    assert backup.restore(loaded) == backup.step == 3
    support.assert_same_state(support.state_of(loaded), support.state_of(saved))


def test_without_a_backup_training_begins_at_step_0(tmp_path):
    gan = _gan()
    before = support.state_of(gan)
    assert callbacks.Backup(tmp_path / "nothing").restore(gan) == 0
    support.assert_same_state(support.state_of(gan), before)


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    """As `nohup` asks for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        sender = keras_callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: os.kill(os.getpid(), signal.SIGHUP)
        )
        _fit(_gan(), callbacks.Backup(tmp_path), 2, sender)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert _steps(tmp_path) == [2]


@pytest.fixture
def sighup_heeded():
    """As from a terminal, also where the tests run under `nohup`, whose choice a backup respects."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_terminal_may_send_its_signal_twice(tmp_path, sighup_heeded):
    def send(batch, logs):
        for _ in range(2 * (batch == 1)):
            os.kill(os.getpid(), signal.SIGHUP)

    sender = keras_callbacks.LambdaCallback(on_train_batch_begin=send)
    with pytest.raises(callbacks.Interrupted, match="after 2 steps"):
        _fit(_gan(), callbacks.Backup(tmp_path), 5, sender)
    assert _steps(tmp_path) == [2]


@pytest.mark.slow_but("15")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_answered_after_the_step_with_everything_saved(tmp_path, sighup_heeded, number):
    handlers = [signal.getsignal(n) for n in SIGNALS]
    gan = _gan()

    def send(batch, logs):
        if batch == 1:
            os.kill(os.getpid(), number)

    with pytest.raises(
        callbacks.Interrupted, match=r"interrupted after 2 steps\. The state is saved"
    ) as interruption:
        sender = keras_callbacks.LambdaCallback(on_train_batch_begin=send)
        _fit(gan, callbacks.Backup(tmp_path), 5, sender)
    assert interruption.value.step == 2
    assert _steps(tmp_path) == [2]
    assert [signal.getsignal(n) for n in SIGNALS] == handlers
    loaded = _gan()
    callbacks.Backup(tmp_path).restore(loaded)
    assert int(loaded.generator_optimizer.iterations) == 2


def test_signal_handlers_are_given_back_after_training(tmp_path):
    handlers = [signal.getsignal(n) for n in SIGNALS]
    _fit(_gan(), callbacks.Backup(tmp_path), 1)
    assert [signal.getsignal(n) for n in SIGNALS] == handlers


def test_a_file_that_was_never_finished_is_not_a_backup(tmp_path):
    (tmp_path / ".unfinished-1.weights.h5").write_bytes(b"half a file")
    assert callbacks.Backup(tmp_path).restore(_gan()) == 0
    assert _steps(tmp_path) == []  # or every killed run would leave a file as large as a backup


def test_weights_differ_from_step_to_step(tmp_path):
    """Or the tests above would prove nothing."""
    gan = _gan()
    before = gan.generator.get_weights()
    _fit(gan, callbacks.Backup(tmp_path), 1)
    assert any((old != new).any() for old, new in zip(before, gan.generator.get_weights(), strict=True))
    assert np.isfinite(gan.generator.get_weights()[0]).all()


def test_every_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match=r"`every` must be at least 1. Received: every=0"):
        callbacks.Backup(tmp_path, every=0)


@pytest.mark.slow_but("mid_epoch", ci=True)
@pytest.mark.parametrize(
    ("saved_step", "asked_for", "epochs_ended"),
    [(None, [0], [0, 1]), (1, [1, 2], [0, 1]), (2, [2], [1]), (4, [], [])],
    ids=["fresh", "mid_epoch", "between_epochs", "finished"],
)
def test_fit_trains_what_is_left(tmp_path, saved_step, asked_for, epochs_ended):
    if saved_step is not None:
        _save(tmp_path, saved_step)
    asked, ended, gan = [], [], _gan()
    backup = callbacks.Backup(tmp_path)
    backup.fit(
        gan,
        lambda step: asked.append(step) or _batches(step),
        steps_per_epoch=2,
        epochs=2,
        callbacks=[keras_callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(epoch))],
        verbose=0,
    )
    assert (asked, ended) == (asked_for, epochs_ended)
    assert int(gan.generator_optimizer.iterations) == 4 - (saved_step or 0)
    assert _steps(tmp_path) == sorted({saved_step or 2, 2 if saved_step == 1 else 4, 4})[-2:]


@pytest.mark.ci
def test_fit_ends_where_a_callback_stops_the_training(tmp_path):
    """Also in the rest of a broken-off epoch, which is a call of the model's `fit` by itself."""
    _save(tmp_path, 1)
    gan = _gan()
    stopper = keras_callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(gan, "stop_training", True)
    )
    backup = callbacks.Backup(tmp_path)
    backup.fit(gan, _batches, steps_per_epoch=2, epochs=3, callbacks=[stopper], verbose=0)
    assert backup.step == 2
    assert _steps(tmp_path) == [1, 2]


def test_a_signal_at_the_last_batch_of_an_epoch_waits_for_the_other_callbacks(tmp_path):
    files_at_epoch_ends = []
    watcher = keras_callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: _interrupt(batch),
        on_epoch_end=lambda epoch, logs: files_at_epoch_ends.append(_steps(tmp_path)),
    )
    with pytest.raises(callbacks.Interrupted, match="after 2 steps"):
        callbacks.Backup(tmp_path, every=1).fit(
            _gan(), _batches, steps_per_epoch=2, epochs=2, callbacks=[watcher], verbose=0
        )
    # Not the last step's: killed in an earlier callback, a resumed run would miss the epoch's end.
    assert files_at_epoch_ends == [[1]]
    assert _steps(tmp_path) == [1, 2]


@pytest.mark.slow
def test_a_backup_can_go_on_after_it_interrupted(tmp_path):
    gan, backup = _gan(), callbacks.Backup(tmp_path)
    sender = keras_callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: _interrupt(batch))
    with pytest.raises(callbacks.Interrupted):
        backup.fit(gan, _batches, steps_per_epoch=3, epochs=2, callbacks=[sender], verbose=0)
    backup.fit(gan, _batches, steps_per_epoch=3, epochs=2, verbose=0)
    assert int(gan.generator_optimizer.iterations) == backup.step == 6
    assert _steps(tmp_path) == [3, 6]


@pytest.mark.ci
@pytest.mark.usefixtures("unchecked_values")
def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_the_last_good_backup(tmp_path):
    def batches(step):
        for images in _batches(step):
            yield (images[0] * (np.nan if step == 3 else 1),)
            step += 1

    handlers = [signal.getsignal(n) for n in SIGNALS]
    with pytest.raises(
        FloatingPointError,
        match=r"`discriminator_loss` is not finite after 4 steps.*backup of step 2 is kept",
    ):
        callbacks.Backup(tmp_path, every=2).fit(_gan(), batches, steps_per_epoch=6, epochs=1, verbose=0)
    assert _steps(tmp_path) == [2]
    loaded = _gan()
    assert callbacks.Backup(tmp_path).restore(loaded) == 2
    assert all(np.isfinite(value).all() for value in support.state_of(loaded).values())
    assert [signal.getsignal(n) for n in SIGNALS] == handlers


def test_training_in_another_thread_is_saved_and_leaves_signals_alone(tmp_path):
    handlers, seen = [signal.getsignal(n) for n in SIGNALS], []
    watcher = keras_callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append([signal.getsignal(n) for n in SIGNALS])
    )
    thread = threading.Thread(target=_fit, args=(_gan(), callbacks.Backup(tmp_path), 2, watcher))
    thread.start()
    thread.join(120)
    assert _steps(tmp_path) == [2]
    assert seen == [handlers] * 2
