"""The converter against the authors' architectures, stated here in PyTorch, and UpscalerJS' models against theirs."""

import importlib.util
import os
import re
from pathlib import Path

import numpy as np
import pytest

import keras_genzoo as kg
from keras_genzoo.metrics.upscaling import bicubic
from tests import support

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


# The architectures, whose attributes are the names in the files.


def conv(source, target):
    return nn.Conv2d(source, target, 3, 1, 1)


class DenseBlock(nn.Module):
    def __init__(self, width, growth):
        super().__init__()
        for number in range(5):
            target = width if number == 4 else growth
            setattr(self, f"conv{number + 1}", conv(width + number * growth, target))

    def forward(self, x):
        maps = x
        for number in range(1, 5):
            made = functional.leaky_relu(getattr(self, f"conv{number}")(maps), 0.2)
            maps = torch.cat([maps, made], dim=1)
        return x + 0.2 * self.conv5(maps)


class Block(nn.Module):
    def __init__(self, width, growth, name):
        super().__init__()
        self.names = [f"{name}{number}" for number in (1, 2, 3)]
        for each in self.names:
            setattr(self, each, DenseBlock(width, growth))

    def forward(self, x):
        y = x
        for each in self.names:
            y = getattr(self, each)(y)
        return x + 0.2 * y


# The names of BasicSR and of ESRGAN's first code: blocks, dense blocks, and the convolutions in their order.
NEW = ("body", "rdb", ["conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"])
OLD = ("RRDB_trunk", "RDB", ["conv_first", "trunk_conv", "upconv1", "upconv2", "HRconv", "conv_last"])


class RRDBNet(nn.Module):
    def __init__(self, fold=1, names=NEW, blocks=2, width=6, growth=3):
        super().__init__()
        self.fold, (self.trunk, dense, self.convolutions) = fold, names
        setattr(self, self.trunk, nn.Sequential(*(Block(width, growth, dense) for _ in range(blocks))))
        ends = [(3 * fold**2, width), *[(width, width)] * 4, (width, 3)]
        for name, (source, target) in zip(self.convolutions, ends, strict=True):
            setattr(self, name, conv(source, target))

    def forward(self, x):
        first, body, up_1, up_2, hr, last = (getattr(self, name) for name in self.convolutions)
        x = first(functional.pixel_unshuffle(x, self.fold))
        x = x + body(getattr(self, self.trunk)(x))
        for up in (up_1, up_2):
            x = functional.leaky_relu(up(functional.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return last(functional.leaky_relu(hr(x), 0.2))


class SRVGG(nn.Module):
    def __init__(self, scale=4, num=3, width=5):
        super().__init__()
        self.scale = scale
        steps = [conv(3, width), nn.PReLU(width)]
        for _ in range(num):
            steps += [conv(width, width), nn.PReLU(width)]
        self.body = nn.Sequential(*steps, conv(width, 3 * scale**2))

    def forward(self, x):
        nearest = functional.interpolate(x, scale_factor=self.scale, mode="nearest")
        return nearest + functional.pixel_shuffle(self.body(x), self.scale)


def with_random_weights(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.normal_(0, module.weight[0].numel() ** -0.5, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)
        elif isinstance(module, nn.PReLU):
            module.weight.data.uniform_(0.05, 0.6, generator=generator)
    return network.eval()


def assert_same(torch_network, network):
    """Images in [0, 1] and channels first there, in [-1, 1] here."""
    images = support.toy_images(2, (6, 8, 3))
    with torch.no_grad():
        expected = torch_network(torch.from_numpy(images.transpose(0, 3, 1, 2) / 2 + 0.5))
    expected = 2 * expected.numpy().transpose(0, 2, 3, 1) - 1
    np.testing.assert_allclose(support.output_of(network, images), expected, atol=1e-4)


NETWORKS = {
    "rrdb_x4": lambda: RRDBNet(),
    "rrdb_x2": lambda: RRDBNet(2),
    "rrdb_x4_old_names": lambda: RRDBNet(names=OLD),
    "srvgg_x4": lambda: SRVGG(),
    "srvgg_x2": lambda: SRVGG(2, num=2),
}


class TestPyTorch:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_gives_the_output_of_pytorch(self, tool, name):
        network = with_random_weights(NETWORKS[name]())
        state = {key: value.numpy() for key, value in network.state_dict().items()}
        assert_same(network, tool.network_of(state))

    @pytest.mark.ci
    def test_a_preset_of_averaged_weights(self, tool, tmp_path):
        network = with_random_weights(RRDBNet(2))
        state = {
            "params": with_random_weights(RRDBNet(2), 1).state_dict(),
            "params_ema": network.state_dict(),
        }
        torch.save(state, tmp_path / "net_g.pth")
        words = [str(tmp_path / "preset"), "--generator", str(tmp_path / "net_g.pth"), "--image-size", "32"]
        assert tool.main(words) == 0
        model = kg.models.load(tmp_path / "preset")
        assert isinstance(model, kg.models.SuperResolution)
        assert (model.scale, model.image_shape) == (2, (32, 32, 3))
        assert_same(network, model.generator)
        assert model.upscale(support.toy_images(1, (7, 9, 3))).shape == (1, 14, 18, 3)
        description = kg.presets.metadata(tmp_path / "preset")["description"]
        assert description == "Converted from PyTorch: generator from net_g.pth."

    def test_weights_of_a_training_without_averages(self, tool, tmp_path):
        network = with_random_weights(SRVGG())
        torch.save({"params": network.state_dict()}, tmp_path / "net_g.pth")
        assert_same(network, tool.network_of_file(tmp_path / "net_g.pth"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda state: {"model.0.weight": np.zeros((3, 3, 3, 3))},
                "of none of the networks RRDB and SRVGG",
            ),
            (
                lambda state: {key: value for key, value in state.items() if key != "body.0.rdb2.conv3.bias"},
                r"lacks 'body.0.rdb2.conv3.bias', needed for 'block_1_dense_2_conv_3'",
            ),
            (
                lambda state: {**state, "conv_first.weight": np.zeros((6, 48, 3, 3), "float32")},
                "take 3 or 12 channels for images of 3. This one takes 48",
            ),
            (
                lambda state: {**state, "conv_first.weight": np.zeros((6, 1, 3, 3), "float32")},
                "This one takes 1",
            ),
            (lambda state: {**state, "conv_last.weight": np.zeros(3)}, "lacks the kernel conv_last.weight"),
            (
                lambda state: {
                    "body.0.weight": np.zeros((5, 3, 3, 3)),
                    "body.tail.weight": np.zeros(3),
                    "body.2.weight": np.zeros((13, 5, 3, 3)),
                },
                "'body.2.weight' must give squares of pixels of 3 channels. Received: 13 outputs",
            ),
            (lambda state: {**state, "conv_up3.weight": np.zeros(3)}, "has no layers for: conv_up3.weight"),
        ],
    )
    def test_keys_of_another_network_are_refused(self, tool, change, message):
        state = {key: value.numpy() for key, value in RRDBNet().state_dict().items()}
        with pytest.raises(ValueError, match=message):
            tool.network_of(change(state))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting property name"),
        ("[]", "list indices"),
        ('{"scale": 4}', "it lacks 'input_range'"),
        (
            '{"input_range": [0, 1], "layers": [{"class": "Dense", "name": "a"}]}',
            "a layer is a 'Dense'. Known layers: .*'Conv2D'",
        ),
    ],
)
def test_other_lists_of_layers_are_refused(tool, tmp_path, capsys, text, message):
    (tmp_path / "model.json").write_text(text)
    words = [str(tmp_path / "preset"), "--generator", str(tmp_path / "model.json")]
    assert tool.main(words) == 1
    said = capsys.readouterr().err
    assert "model.json and its weights are no list of layers" in said and re.search(message, said)
    assert not (tmp_path / "preset").exists()


class TestUpscalerJS:
    """The two published models, which the data folder holds with the code that builds them."""

    @pytest.fixture
    def folder(self):
        folder = Path(os.environ.get("KERAS_GENZOO_DATA_DIR") or "nowhere") / "esrgan_upscalerjs"
        if not folder.is_dir():
            pytest.skip("needs the models of UpscalerJS in the folder KERAS_GENZOO_DATA_DIR")
        return folder

    @pytest.mark.parametrize("name", ["esrgan_slim_x4", "esrgan_thick_x4"])
    @pytest.mark.slow_but("esrgan_slim_x4", ci=True)
    def test_gives_what_its_own_code_gives(self, tool, folder, tmp_path, name):
        file = folder / f"{name}.json"
        assert tool.main([str(tmp_path / "preset"), "--generator", str(file)]) == 0
        model = kg.models.load(tmp_path / "preset")
        spec = importlib.util.spec_from_file_location("esrgan_keras", folder / "esrgan_keras.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        theirs, about = module.load(name)
        images = support.toy_images(1, (8, 12, 3))
        largest = about["input_range"][1]
        expected = support.output_of(theirs, largest * (images + 1) / 2) / largest * 2 - 1
        np.testing.assert_allclose(support.output_of(model.generator, images), expected, atol=1e-4)
        np.testing.assert_allclose(model.upscale(images), expected.clip(-1, 1), atol=1e-4)

    @pytest.mark.slow
    def test_is_nearer_to_photographs_than_bicubic_enlargement(self, tool, folder, tmp_path):
        data_dir = support.require_original_files("flowers_x4")
        assert tool.main([str(tmp_path / "thick"), "--generator", str(folder / "esrgan_thick_x4.json")]) == 0
        small, large = (images[:8] for images in kg.datasets.arrays("flowers_x4", "test", data_dir))
        made = kg.pixels.to_uint8(kg.models.load(tmp_path / "thick").upscale(small))
        better = kg.metrics.psnr(made, large).mean() - kg.metrics.psnr(bicubic(small, 4), large).mean()
        assert better > 0.5
