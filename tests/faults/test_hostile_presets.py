"""Damaged and hostile presets end in one kind of error, take little memory, and read nothing else."""

import os
import resource
import signal
import sys

import pytest

from keras_genzoo import models, presets
from tests import support
from tests.faults import mutants

GIB = 2**30


def make_presets(folder):
    """Small presets of different structure."""
    models.GAN((8, 8, 1), 4, width=2, num_classes=3, average_decay=0.9).save_to_preset(folder / "gan")
    models.VAE((8, 8, 1), 3).save_to_preset(folder / "vae")
    models.Pix2Pix((32, 32, 1), 2, width=2).save_to_preset(folder / "pix2pix")
    models.EBGAN((8, 8, 1), 4, width=2).save_to_preset(folder / "ebgan")
    return [folder / name for name in ("gan", "vae", "pix2pix", "ebgan")]


class TooLong(BaseException):
    """No `Exception`, which the library would turn into a refusal."""


def causes(error):
    """An error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def load_mutants(folder, numbers):
    """Loads a mutant for each number.

    Returns those that ended in anything but a model or a `PresetError`, how many were refused, and the most bytes
    of memory that this took.
    """
    originals = make_presets(folder / "originals")
    canary, opened = folder / "canary", []
    canary.write_text("do not look")

    def too_long(number, frame):
        raise TooLong("a mutant took more than 20 s")

    def look(event, arguments):
        # HDF5 opens files by itself; what leads there is refused before.
        if event == "open" and str(arguments[0]).startswith((str(canary), "/etc/passwd")):
            opened.append(arguments[0])

    sys.addaudithook(look)

    signal.signal(signal.SIGALRM, too_long)
    models.load(originals[0])
    taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * GIB, resource.RLIM_INFINITY))
    failures, refused = [], 0
    for number in numbers:
        preset = mutants.copy_of(originals[number % len(originals)], folder / "mutant")
        done = mutants.mutate(preset, number, canary)
        signal.alarm(20)
        try:
            models.load(preset)
        except presets.PresetError as error:
            refused += 1
            if str(preset) not in str(error):
                failures.append((number, done, f"names no preset: {error}"))
            if any(isinstance(cause, MemoryError) for cause in causes(error)):
                failures.append((number, done, f"out of memory: {error}"))
        except BaseException as error:
            failures.append((number, done, f"{type(error).__name__}: {str(error)[:200]}"))
        finally:
            signal.alarm(0)
        if opened:
            failures.append((number, done, f"opened {opened.pop()}"))
    return failures, refused, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.timeout(1500)
@pytest.mark.slow_but("0-20", ci=True)
@pytest.mark.parametrize(
    ("first", "num"), [(0, 20), (20, 196), (216, 196), (412, 196), (608, 196), (804, 196)]
)
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="limits the memory of a process on Linux")
def test_mutants_are_refused_by_one_error(tmp_path, first, num):
    failures, refused, memory = support.finish(
        support.start_process(load_mutants, tmp_path, range(first, first + num)), timeout=1400
    )
    assert not failures, "\n".join(map(str, failures[:20])) + f"\n{len(failures)} in all"
    assert refused > num / 2
    assert memory < 2 * GIB


class TestLimits:
    def test_a_large_model_is_refused_before_it_takes_memory(self, tmp_path):
        models.GAN((8, 8, 1), 4, width=2).save_to_preset(tmp_path / "gan")
        with pytest.raises(presets.PresetError, match=r"take more than 1,000 bytes.*`max_bytes`"):
            models.load(tmp_path / "gan", max_bytes=1000)

    def test_the_limit_may_be_a_variable(self, tmp_path, monkeypatch):
        models.GAN((8, 8, 1), 4, width=2).save_to_preset(tmp_path / "gan")
        monkeypatch.setenv("KERAS_GENZOO_MAX_BYTES", "1000")
        with pytest.raises(presets.PresetError, match="more than 1,000 bytes"):
            models.load(tmp_path / "gan")
        assert models.load(tmp_path / "gan", max_bytes=10**6).latent_dim == 4

    def test_activations_count(self, tmp_path):
        model = models.CycleGAN((512, 512, 3), width=2, num_blocks=1)
        model.save_to_preset(tmp_path / "cyclegan")
        parameters = sum(network.count_params() for network in model.networks.values())
        with pytest.raises(presets.PresetError, match="the activations of one sample, take more than"):
            models.load(tmp_path / "cyclegan", max_bytes=4 * (parameters + 512 * 512))

    @pytest.mark.parametrize("limit", ["many", 0, -1, 2.5j])
    def test_a_limit_that_is_none_is_refused(self, limit):
        with pytest.raises(ValueError, match="`max_bytes`, or the variable KERAS_GENZOO_MAX_BYTES"):
            models.load("dcgan_fashion_mnist", max_bytes=limit)


def test_a_folder_named_like_a_released_preset_is_not_taken_for_it(tmp_path, monkeypatch):
    models.GAN((8, 8, 1), 4, width=2).save_to_preset(tmp_path / "dcgan_fashion_mnist")
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match=r"'dcgan_fashion_mnist' in the working directory is ignored.*\./"):
        assert models.load("dcgan_fashion_mnist").image_shape == (28, 28, 1)
    assert models.load("./dcgan_fashion_mnist").image_shape == (8, 8, 1)
