"""Backups one by one. That a resumed run ends like an undisturbed one, `check_resume` proves for a family."""

import os
import signal

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
