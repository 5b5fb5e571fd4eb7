"""The converter against the authors' generator, stated here in PyTorch with their names of parameters."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import keras_genzoo as kg
from tests import support

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

WIDTH = 3


class Resample(nn.Module):
    """A filter of each channel, kept as a buffer `filt`."""

    def __init__(self, channels, taps):
        super().__init__()
        taps = torch.tensor(taps)
        self.register_buffer("filt", torch.outer(taps, taps).repeat(channels, 1, 1, 1))


class Halved(Resample):
    def __init__(self, channels):
        super().__init__(channels, [0.25, 0.5, 0.25])

    def forward(self, x):
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, self.filt, stride=2, groups=x.shape[1])


class Doubled(Resample):
    """Zeros between the pixels, of maps whose edges are repeated, and the filter; what lies outside is cropped."""

    def __init__(self, channels):
        super().__init__(channels, [0.25, 0.75, 0.75, 0.25])

    def forward(self, x):
        padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        full = functional.conv_transpose2d(padded, self.filt, stride=2, groups=x.shape[1])
        return full[:, :, 3:-3, 3:-3]


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_block = nn.Sequential(
            *padded(channels, channels, 3), *active(channels), *padded(channels, channels, 3), norm(channels)
        )

    def forward(self, x):
        return x + self.conv_block(x)


class Generator(nn.Module):
    def __init__(self, num_blocks=9, channels=3):
        super().__init__()
        widths = [WIDTH, 2 * WIDTH, 4 * WIDTH]
        steps = [*padded(channels, WIDTH, 7), *active(WIDTH)]
        for source, target in itertools.pairwise(widths):
            steps += [nn.Conv2d(source, target, 3, padding=1), *active(target), Halved(target)]
        steps += [Block(4 * WIDTH) for _ in range(num_blocks)]
        for source, target in itertools.pairwise(widths[::-1]):
            steps += [Doubled(source), nn.Conv2d(source, target, 3, padding=1), *active(target)]
        self.model = nn.Sequential(*steps, *padded(WIDTH, channels, 7), nn.Tanh())

    def forward(self, images):
        return self.model(images)


def padded(source, target, size):
    return [nn.ReflectionPad2d(size // 2), nn.Conv2d(source, target, size)]


def norm(channels):
    return nn.InstanceNorm2d(channels)


def active(channels):
    return [norm(channels), nn.ReLU()]


def with_random_weights(network):
    """Every parameter random, activations of about one."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.normal_(0.0, module.weight[0].numel() ** -0.5, generator=generator)
            module.bias.data.normal_(0.0, 0.3, generator=generator)
    return network.eval()


def state_of(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


def output_of(network, images):
    with torch.no_grad():
        return network(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)


@pytest.mark.ci
@pytest.mark.parametrize("num_blocks", [9, 6])
def test_gives_the_output_of_pytorch(tool, num_blocks):
    reference = with_random_weights(Generator(num_blocks))
    network = tool.network_of(state_of(reference))
    config = network.get_config()
    assert (config["num_blocks"], config["width"], config["antialias"]) == (num_blocks, WIDTH, True)
    for size in ((32, 32), (20, 44)):
        images = support.toy_images(2, (*size, 3))
        expected = output_of(reference, images)
        # A hundred times the tolerance: nothing agrees by being constant.
        assert expected.std() > 1e-2
        np.testing.assert_allclose(ops.convert_to_numpy(network(images)), expected, atol=1e-4)


def test_maps_that_are_compared_are_those_of_the_authors(tool):
    """Modules 0, 4, 8, 12 and 16."""
    reference = with_random_weights(Generator())
    network = tool.network_of(state_of(reference))
    images = support.toy_images(1, (32, 32, 3))
    maps = keras.Model(network.input, [network.get_layer(name).output for name in network.feature_layers])(
        images
    )
    for index, ours in zip((0, 4, 8, 12, 16), maps, strict=True):
        expected = output_of(reference.model[: index + 1], images)
        assert expected.std() > 1e-2
        np.testing.assert_allclose(ops.convert_to_numpy(ours), expected, atol=1e-4)


@pytest.mark.ci
def test_preset(tool, tmp_path):
    reference = with_random_weights(Generator(4))
    torch.save(reference.state_dict(), tmp_path / "latest_net_G.pth")
    arguments = ["--generator", str(tmp_path / "latest_net_G.pth"), "--image-size", "32"]
    assert tool.main([str(tmp_path / "preset"), *arguments]) == 0
    model = kg.models.load(tmp_path / "preset")
    assert isinstance(model, kg.models.CUT) and model.image_shape == (32, 32, 3)
    images = support.toy_images(1, (32, 32, 3))
    np.testing.assert_allclose(model.translate(images), output_of(reference, images), atol=1e-4)
    description = kg.presets.metadata(tmp_path / "preset")["description"]
    assert "generator from latest_net_G.pth" in description
    assert "Not trained: discriminator, projector." in description


class TestOtherNetworks:
    def test_without_antialiasing_are_refused(self, tool):
        state = {key: value for key, value in state_of(Generator(1)).items() if not key.endswith("filt")}
        with pytest.raises(ValueError, match=r"lacks 'model\.7\.filt': it is of another network"):
            tool.network_of(state)

    def test_with_other_filters_are_refused(self, tool):
        state = state_of(Generator(1))
        state["model.7.filt"] = np.full((6, 1, 3, 3), 1 / 9)
        with pytest.raises(ValueError, match=r"'model\.7\.filt' must be the filter \[0\.25, 0\.5, 0\.25\]"):
            tool.network_of(state)

    def test_with_other_keys_are_refused(self, tool):
        state = {**state_of(Generator(1)), "model.2.weight": np.zeros(3)}
        with pytest.raises(ValueError, match=r"keys that 'generator' has no layers for: model\.2\.weight"):
            tool.network_of(state)

    def test_of_another_kind_are_refused(self, tool):
        with pytest.raises(ValueError, match=r"lacks the kernel model\.1\.weight"):
            tool.network_of({"features.0.weight": np.zeros((8, 3, 3, 3))})
