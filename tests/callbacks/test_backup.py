"""Backups one by one. That a resumed run ends like an undisturbed one, `check_resume` proves for a family."""

import os
import signal
import threading

import numpy as np
import pytest
from keras import callbacks as keras_callbacks

from keras_genzoo import callbacks, models
from tests import support


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


def _names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_the_last_step_is_saved_and_only_the_newest_file_kept(tmp_path):
    _fit(_gan(), callbacks.Backup(tmp_path, every=2), 5)
    assert _names(tmp_path) == ["step-00000005.weights.h5"]


def test_one_backup_every_so_many_steps(tmp_path):
    seen = []
    backup = callbacks.Backup(tmp_path, every=2)
    watcher = keras_callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(_names(tmp_path))
    )
    _fit(_gan(), backup, 5, watcher)
    assert [[int(name[5:13]) for name in names] for names in seen] == [[], [2], [2], [4], [4]]


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_answered_after_the_step_with_everything_saved(tmp_path, number):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    gan = _gan()

    def send(batch, logs):
        if batch == 1:
            os.kill(os.getpid(), number)

    with pytest.raises(
        callbacks.Interrupted, match="interrupted after 2 steps; the state is saved"
    ) as interruption:
        sender = keras_callbacks.LambdaCallback(on_train_batch_begin=send)
        _fit(gan, callbacks.Backup(tmp_path), 5, sender)
    assert interruption.value.step == 2
    assert _names(tmp_path) == ["step-00000002.weights.h5"]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    loaded = _gan()
    callbacks.Backup(tmp_path).restore(loaded)
    assert int(loaded.generator_optimizer.iterations) == 2


def test_signal_handlers_are_given_back_after_training(tmp_path):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    _fit(_gan(), callbacks.Backup(tmp_path), 1)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_file_that_was_never_finished_is_not_a_backup(tmp_path):
    (tmp_path / "unfinished-1.weights.h5").write_bytes(b"half a file")
    assert callbacks.Backup(tmp_path).restore(_gan()) == 0
    assert _names(tmp_path) == []  # or every killed run would leave a file as large as a backup


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


@pytest.mark.parametrize(
    ("saved_step", "asked_for", "epochs_ended"),
    [(None, [0], [0, 1]), (1, [1, 2], [0, 1]), (2, [2], [1]), (4, [], [])],
    ids=["fresh", "mid_epoch", "between_epochs", "finished"],
)
def test_fit_trains_what_is_left(tmp_path, saved_step, asked_for, epochs_ended):
    if saved_step is not None:
        _gan().save_weights(tmp_path / f"step-{saved_step:08d}.weights.h5")
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
    assert _names(tmp_path) == ["step-00000004.weights.h5"]


def test_fit_ends_where_a_callback_stops_the_training(tmp_path):
    """Also in the rest of a broken-off epoch, which is a call of the model's `fit` by itself."""
    _gan().save_weights(tmp_path / "step-00000001.weights.h5")
    gan = _gan()
    stopper = keras_callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(gan, "stop_training", True)
    )
    backup = callbacks.Backup(tmp_path)
    backup.fit(gan, _batches, steps_per_epoch=2, epochs=3, callbacks=[stopper], verbose=0)
    assert backup.step == 2
    assert _names(tmp_path) == ["step-00000002.weights.h5"]


def test_a_signal_at_the_last_batch_of_an_epoch_waits_for_the_other_callbacks(tmp_path):
    files_at_epoch_ends = []
    watcher = keras_callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: _interrupt(batch),
        on_epoch_end=lambda epoch, logs: files_at_epoch_ends.append(_names(tmp_path)),
    )
    with pytest.raises(callbacks.Interrupted, match="after 2 steps"):
        callbacks.Backup(tmp_path, every=1).fit(
            _gan(), _batches, steps_per_epoch=2, epochs=2, callbacks=[watcher], verbose=0
        )
    # Not the last step's: killed in an earlier callback, a resumed run would miss the epoch's end.
    assert files_at_epoch_ends == [["step-00000001.weights.h5"]]
    assert _names(tmp_path) == ["step-00000002.weights.h5"]


def test_a_backup_can_go_on_after_it_interrupted(tmp_path):
    gan, backup = _gan(), callbacks.Backup(tmp_path)
    sender = keras_callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: _interrupt(batch))
    with pytest.raises(callbacks.Interrupted):
        backup.fit(gan, _batches, steps_per_epoch=3, epochs=2, callbacks=[sender], verbose=0)
    backup.fit(gan, _batches, steps_per_epoch=3, epochs=2, verbose=0)
    assert int(gan.generator_optimizer.iterations) == backup.step == 6
    assert _names(tmp_path) == ["step-00000006.weights.h5"]


@pytest.mark.usefixtures("unchecked_values")
def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_the_last_good_backup(tmp_path):
    def batches(step):
        for images in _batches(step):
            yield (images[0] * (np.nan if step == 3 else 1),)
            step += 1

    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(
        FloatingPointError,
        match=r"`discriminator_loss` is not finite after 4 steps.*backup of step 2 is kept",
    ):
        callbacks.Backup(tmp_path, every=2).fit(_gan(), batches, steps_per_epoch=6, epochs=1, verbose=0)
    assert _names(tmp_path) == ["step-00000002.weights.h5"]
    loaded = _gan()
    assert callbacks.Backup(tmp_path).restore(loaded) == 2
    assert all(np.isfinite(value).all() for value in support.state_of(loaded).values())
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_training_in_another_thread_is_saved_and_leaves_signals_alone(tmp_path):
    handlers, seen = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)], []
    watcher = keras_callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(
            [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        )
    )
    thread = threading.Thread(target=_fit, args=(_gan(), callbacks.Backup(tmp_path), 2, watcher))
    thread.start()
    thread.join(120)
    assert _names(tmp_path) == ["step-00000002.weights.h5"]
    assert seen == [handlers] * 2
