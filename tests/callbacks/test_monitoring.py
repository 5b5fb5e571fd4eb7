"""Callbacks that watch a training: files, measures, the best epoch."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import callbacks, metrics, modalities, models, networks, pixels, visualization
from tests import support


def _gan(**arguments):
    gan = models.GAN((8, 8, 1), 4, width=2, **arguments)
    gan.compile()
    return gan


class TestSampleGrid:
    @pytest.mark.ci
    def test_one_grid_of_the_same_latents_an_epoch(self, tmp_path):
        gan = _gan()
        grid = callbacks.SampleGrid(tmp_path / "samples", num=9, seed=5)
        gan.fit(support.toy_images(8), epochs=2, callbacks=[grid], verbose=0)
        files = sorted((tmp_path / "samples").iterdir())
        assert [file.name for file in files] == ["epoch-0001.png", "epoch-0002.png"]
        # 3 columns of 8 pixels with margins of 2; the last shows the model as it is now.
        shown = np.asarray(Image.open(files[1])).astype(int)
        assert shown.shape == (3 * 10 + 2, 3 * 10 + 2)
        first = np.rint((gan.sample(1, seed=5)[0, :, :, 0] + 1) * 127.5)
        np.testing.assert_allclose(shown[2:10, 2:10], first, atol=1)

    @pytest.mark.slow
    def test_a_column_a_class(self, tmp_path):
        gan = _gan(num_classes=3)
        grid = callbacks.SampleGrid(tmp_path, num=6)
        gan.fit(support.toy_images(8), support.toy_labels(8), callbacks=[grid], verbose=0)
        width, height = Image.open(tmp_path / "epoch-0001.png").size
        assert (width, height) == (3 * 10 + 2, 2 * 10 + 2)

    def test_points_beside_the_centers_of_modes(self, tmp_path, monkeypatch):
        shown = []
        gan = models.GAN(
            (2,), 4, generator=networks.MLPGenerator(4, (2,)), discriminator=networks.MLPDiscriminator((2,))
        )
        centers = np.eye(2)
        monkeypatch.setattr(
            visualization,
            "scatter",
            lambda points, real: shown.append((points, real)) or np.zeros((4, 4, 3), "uint8"),
        )
        grid = callbacks.SampleGrid(tmp_path, centers, num=5, seed=3)
        grid.set_model(gan)
        grid.on_epoch_end(0)
        ((points, real),) = shown
        assert real is centers and (tmp_path / "epoch-0001.png").exists()
        np.testing.assert_array_equal(points, gan.sample(5, seed=3))

    def test_points_that_cannot_be_drawn_are_refused_before_training(self, tmp_path):
        gan = models.GAN(
            (3,), 4, generator=networks.MLPGenerator(4, (3,)), discriminator=networks.MLPDiscriminator((3,))
        )
        with pytest.raises(ValueError, match="Only points in the plane"):
            callbacks.SampleGrid(tmp_path).set_model(gan)

    @pytest.mark.slow
    def test_translations_of_the_same_images(self, tmp_path):
        sources, targets = (support.toy_images(4, (32, 32, channels)) for channels in (1, 3))
        model = models.Pix2Pix((32, 32, 3), 1, width=2)
        model.compile()
        grid = callbacks.SampleGrid(tmp_path / "samples", (sources, targets), num=2)
        model.fit(sources, targets, batch_size=2, epochs=2, callbacks=[grid], verbose=0)
        files = sorted((tmp_path / "samples").iterdir())
        assert [file.name for file in files] == ["epoch-0001.png", "epoch-0002.png"]
        # Two rows of source, translation and target, of 32 pixels with margins of 2, enlarged to 128; the model as it
        # is now.
        shown = np.asarray(Image.open(files[1])).astype(int)[::4, ::4]
        assert shown.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
        translated = pixels.to_uint8(model.translate(sources[1:2])[0])
        np.testing.assert_allclose(shown[36:68, 36:68], translated, atol=1)
        assert (shown[36:68, 2:34] == pixels.to_uint8(sources[1])).all()


class TestEvaluate:
    def test_adds_results_to_the_logs_of_its_epochs(self, monkeypatch):
        calls = []

        def evaluate(model, **arguments):
            calls.append(arguments)
            return [{"metric": "distance", "value": 10.0 * len(calls), "protocol": {}}]

        monkeypatch.setattr(metrics, "evaluate", evaluate)
        watcher = callbacks.Evaluate(every=2, dataset="ring")
        history = _gan().fit(support.toy_images(8), epochs=4, callbacks=[watcher], verbose=0).history
        assert calls == [{"dataset": "ring"}] * 2
        assert history["distance"] == [10.0, 20.0]

    def test_misspelt_argument_is_refused_before_training(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'num_sample'"):
            callbacks.Evaluate(dataset="mnist", num_sample=100)


class TestKeepBest:
    @pytest.mark.parametrize(
        ("mode", "values", "kept"),
        [
            ("min", [3.0, 1.0, 2.0], {"epoch": 2, "value": 1.0}),
            ("max", [1.0, 3.0, 3.0], {"epoch": 2, "value": 3.0}),
        ],
    )
    def test_keeps_the_first_best(self, tmp_path, mode, values, kept):
        gan, weights = _gan(), []
        keeper = self._keeper(tmp_path / "best", gan, mode)
        keeper.on_train_begin()
        for epoch, value in enumerate(values):
            gan.train_on_batch(support.toy_images(8, seed=epoch))
            weights.append(gan.generator.get_weights())
            keeper.on_epoch_end(epoch, {"score": value})
        assert self._best(tmp_path) == {"monitor": "score", **kept}
        loaded = models.load(tmp_path / "best").generator.get_weights()
        for saved, expected in zip(loaded, weights[kept["epoch"] - 1], strict=True):
            np.testing.assert_array_equal(saved, expected)

    def test_a_resumed_run_goes_on_from_the_best_so_far(self, tmp_path):
        gan = _gan()
        keeper = self._keeper(tmp_path / "best", gan, "min")
        keeper.on_train_begin()
        keeper.on_epoch_end(0, {"score": 1.0})
        resumed = self._keeper(tmp_path / "best", gan, "min")
        resumed.on_train_begin()
        resumed.on_epoch_end(1, {"score": 2.0})
        assert self._best(tmp_path)["epoch"] == 1
        resumed.on_epoch_end(2, {"score": 0.5})
        assert self._best(tmp_path)["epoch"] == 3

    def test_an_infinite_best_is_recorded_and_read_again(self, tmp_path):
        keeper = self._keeper(tmp_path / "best", _gan(), "max")
        keeper.on_train_begin()
        for epoch, value in enumerate([math.nan, math.inf, 3.0]):
            keeper.on_epoch_end(epoch, {"score": value})
        assert self._best(tmp_path) == {"monitor": "score", "epoch": 2, "value": "inf"}
        resumed = self._keeper(tmp_path / "best", _gan(), "max")
        resumed.on_train_begin()
        resumed.on_epoch_end(3, {"score": 4.0})
        assert resumed.best == math.inf and self._best(tmp_path)["epoch"] == 2

    def test_an_epoch_without_the_value_is_passed_over(self, tmp_path):
        keeper = self._keeper(tmp_path / "best", _gan(), "min")
        keeper.on_train_begin()
        keeper.on_epoch_end(0, {"other": 1.0})
        assert not (tmp_path / "best").exists()

    def test_a_value_that_was_never_logged_is_reported_at_the_end(self, tmp_path):
        keeper = callbacks.KeepBest(tmp_path / "best", "scrore")
        with pytest.warns(UserWarning, match=r"No epoch logged `monitor` 'scrore', so nothing was saved"):
            _gan().fit(support.toy_images(4), epochs=2, callbacks=[keeper], verbose=0)

    def test_unknown_mode_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"`mode` must be 'min' or 'max'. Received: 'least'"):
            callbacks.KeepBest(tmp_path, "score", mode="least")

    def _keeper(self, path, model, mode):
        keeper = callbacks.KeepBest(path, "score", mode)
        keeper.set_model(model)
        return keeper

    def _best(self, tmp_path):
        return json.loads((tmp_path / "best" / "metadata.json").read_text())["best"]


class TestJSONLines:
    def test_a_line_an_epoch(self, tmp_path):
        log = callbacks.JSONLines(tmp_path / "log.jsonl")
        history = _gan().fit(support.toy_images(8), epochs=3, callbacks=[log], verbose=0).history
        lines = _lines(tmp_path / "log.jsonl")
        assert [line["epoch"] for line in lines] == [1, 2, 3]
        assert [line["generator_loss"] for line in lines] == pytest.approx(history["generator_loss"])
        assert all(line["seconds"] >= 0 for line in lines)

    def test_a_line_is_json_whatever_the_values(self, tmp_path):
        writer = callbacks.JSONLines(tmp_path / "log.jsonl")
        writer.on_epoch_begin(0)
        writer.on_epoch_end(0, {"loss": math.nan, "psnr": math.inf})
        line = json.loads((tmp_path / "log.jsonl").read_text(), parse_constant=pytest.fail)
        assert (line["loss"], line["psnr"]) == ("nan", "inf")

    def test_lines_of_epochs_trained_again_are_dropped(self, tmp_path):
        path = tmp_path / "log.jsonl"
        for epoch, loss in ((0, 1.0), (1, 2.0), (2, 3.0), (1, 4.0)):  # resumed in the second epoch
            log = callbacks.JSONLines(path)
            log.on_epoch_begin(epoch)
            log.on_epoch_end(epoch, {"loss": loss})
        assert [(line["epoch"], line["loss"]) for line in _lines(path)] == [(1, 1.0), (2, 4.0)]

    @pytest.mark.parametrize("damaged", [b'{"epo', b"\x00\xff\xfe"])
    def test_a_damaged_line_is_named(self, tmp_path, damaged):
        path = tmp_path / "log.jsonl"
        path.write_bytes(b'{"epoch": 1}\n' + damaged + b"\n")
        with pytest.raises(ValueError, match=f"Line 2 of {path} is damaged.*Delete the line and try again"):
            callbacks.JSONLines(path).on_epoch_begin(2)

    def test_logs_of_several_workers_are_one_number(self, tmp_path):
        log = callbacks.JSONLines(tmp_path / "log.jsonl")
        log.on_epoch_begin(0)
        log.on_epoch_end(0, {"loss": np.array([2.0, 2.0])})
        assert _lines(tmp_path / "log.jsonl")[0]["loss"] == 2.0


def _lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("picture", [None, np.zeros((6, 5, 3), "uint8")])
def test_models_are_looked_at_by_their_preview_alone(tmp_path, picture):
    """Any model can be shown: the callback asks nothing else of it. Nothing is written where there is nothing."""
    asked = []

    def preview(examples, seed, num):
        asked.append((examples, seed, num))
        return picture

    grid = callbacks.SampleGrid(tmp_path / "samples", num=4)
    grid.set_model(
        SimpleNamespace(
            modality=modalities.Images((6, 5, 3)),
            preview=preview,
            check_drawable=lambda: asked.append("drawable?"),
        )
    )
    grid.on_epoch_end(0)
    assert asked == ["drawable?", (None, 0, 4)]
    assert (tmp_path / "samples" / "epoch-0001.png").exists() == (picture is not None)
