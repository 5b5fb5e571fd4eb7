"""The benchmark of inference: what it measures, and what it says of programs that it cannot."""

import contextlib
import io
import json

import pytest

from tests import support
from tests.models.toy_gans import make_gan
from tests.models.toy_translators import make_pix2pix_of_the_paper
from tools import benchmark


def _lines(folder, without):
    find_spec = benchmark.importlib.util.find_spec
    benchmark.importlib.util.find_spec = lambda name: None if name in without else find_spec(name)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        benchmark.main(["--inference", str(folder), "--steps", "2", "--warmup", "1", "--batch-size", "3"])
    return [json.loads(line) for line in printed.getvalue().splitlines() if line.startswith("{")]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_models_calls_are_measured_beside_the_saved_model(tmp_path):
    others = ["onnxruntime", "openvino", "ai_edge_litert"]
    make_gan().save_to_preset(tmp_path / "gan")
    # In a process of its own, which it keeps to one thread.
    lines = support.fresh_process(_lines, tmp_path / "gan", others)
    assert [line["batch"] for line in lines] == [1, 3]
    for line in lines:
        median = line["median_ms"]
        assert list(median) == ["sample", "sample(latents)", "SavedModel"] and min(median.values()) > 0
        assert line["ratio"] == {
            "SavedModel": pytest.approx(median["sample"] / median["SavedModel"], abs=0.02)
        }
        assert line["not_measured"] == {
            "ONNX Runtime": "not installed: onnxruntime",
            "OpenVINO": "not installed: openvino",
            "LiteRT": "not installed: ai_edge_litert",
        }


@pytest.mark.slow
@pytest.mark.tensorflow
def test_programs_that_cannot_hold_a_model_are_named(tmp_path):
    pytest.importorskip("onnxruntime"), pytest.importorskip("tf2onnx")
    make_pix2pix_of_the_paper(sampling_dropout=True).save_to_preset(tmp_path / "pix2pix")
    lines = support.fresh_process(_lines, tmp_path / "pix2pix", ["openvino", "ai_edge_litert"])
    for line in lines:
        assert list(line["median_ms"]) == ["translate", "SavedModel"]
        assert (
            "does not support networks with `sampling_dropout=True`" in line["not_measured"]["ONNX Runtime"]
        )
