"""The converter against the authors' generators, stated here in PyTorch with their names of parameters."""

import numpy as np
import pytest
from keras import ops

import keras_genzoo as kg
from tests import support

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

WIDTH, NUM_LABELS = 2, 4


def active(channels):
    return [nn.InstanceNorm2d(channels), nn.ReLU()]


def padded(source, target, size):
    return [nn.ReflectionPad2d(size // 2), nn.Conv2d(source, target, size)]


def halved(source):
    return [nn.Conv2d(source, 2 * source, 3, stride=2, padding=1), *active(2 * source)]


def doubled(target):
    up = nn.ConvTranspose2d(2 * target, target, 3, stride=2, padding=1, output_padding=1)
    return [up, *active(target)]


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        first, second = (padded(channels, channels, 3) for _ in range(2))
        self.conv_block = nn.Sequential(*first, *active(channels), *second, nn.InstanceNorm2d(channels))

    def forward(self, x):
        return x + self.conv_block(x)


def features(channels, width, num_downsamplings, num_blocks):
    """All but the last convolution of a global generator."""
    widths = [width * 2**level for level in range(num_downsamplings + 1)]
    steps = [*padded(channels, width, 7), *active(width)]
    for source in widths[:-1]:
        steps += halved(source)
    steps += [Block(widths[-1]) for _ in range(num_blocks)]
    for target in widths[-2::-1]:
        steps += doubled(target)
    return steps


class Global(nn.Module):
    def __init__(self, channels, num_downsamplings=3, num_blocks=2):
        super().__init__()
        steps = features(channels, WIDTH, num_downsamplings, num_blocks)
        self.model = nn.Sequential(*steps, *padded(WIDTH, 3, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class Local(nn.Module):
    def __init__(self, channels, num_downsamplings=2, num_blocks=2, num_local_blocks=3):
        super().__init__()
        self.model = nn.Sequential(*features(channels, 2 * WIDTH, num_downsamplings, num_blocks))
        self.model1_1 = nn.Sequential(*padded(channels, WIDTH, 7), *active(WIDTH), *halved(WIDTH))
        blocks = [Block(2 * WIDTH) for _ in range(num_local_blocks)]
        self.model1_2 = nn.Sequential(*blocks, *doubled(WIDTH), *padded(WIDTH, 3, 7), nn.Tanh())

    def forward(self, x):
        half = functional.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return self.model1_2(self.model1_1(x) + self.model(half))


def with_random_weights(network):
    """Every parameter random, activations of about one."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.data.normal_(0.0, module.weight[0].numel() ** -0.5, generator=generator)
            module.bias.data.normal_(0.0, 0.3, generator=generator)
    return network.eval()


def state_of(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


def label_maps(size, has_edges=True):
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, NUM_LABELS, (2, *size)), rng.integers(0, 2, (2, *size))]
    return np.stack(maps[: 1 + has_edges], axis=-1).astype("int32")


def output_of(network, maps):
    """The authors encode the labels, and add the edges, before the network."""
    encoded = np.concatenate([np.eye(NUM_LABELS)[maps[..., 0]], maps[..., 1:]], axis=-1).astype("float32")
    with torch.no_grad():
        return network(torch.from_numpy(encoded.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)


def assert_close(actual, expected):
    # A hundred times the tolerance: nothing agrees by being constant.
    assert expected.std() > 1e-2
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, atol=1e-4)


@pytest.mark.parametrize("has_edges", [True, False])
@pytest.mark.parametrize("kind", [Global, Local])
def test_gives_the_output_of_pytorch(tool, kind, has_edges):
    reference = with_random_weights(kind(NUM_LABELS + has_edges))
    network = tool.network_of(state_of(reference), has_edges)
    config = network.get_config()
    assert (config["num_labels"], config["width"], config["num_blocks"]) == (NUM_LABELS, WIDTH, 2)
    assert config["num_downsamplings"] == (3 if kind is Global else 2)
    for size in ((32, 32), (24, 40)):
        maps = label_maps(size, has_edges)
        assert_close(network(maps.astype("float32")), output_of(reference, maps))


def test_of_the_paper_has_nine_blocks_and_four_downsamplings(tool):
    network = tool.network_of(state_of(Global(NUM_LABELS + 1, 4, 9)))
    config = network.get_config()
    assert (config["num_downsamplings"], config["num_blocks"]) == (4, 9)


@pytest.mark.ci
def test_preset(tool, tmp_path):
    reference = with_random_weights(Local(NUM_LABELS + 1))
    torch.save(reference.state_dict(), tmp_path / "latest_net_G.pth")
    arguments = ["--generator", str(tmp_path / "latest_net_G.pth"), "--image-size", "32", "64"]
    assert tool.main([str(tmp_path / "preset"), *arguments]) == 0
    model = kg.models.load(tmp_path / "preset")
    assert isinstance(model, kg.models.Pix2PixHD) and model.image_shape == (32, 64, 3)
    assert model.has_edges and model.num_labels == NUM_LABELS
    maps = label_maps((32, 64))
    assert_close(model.translate(maps), output_of(reference, maps))
    description = kg.presets.metadata(tmp_path / "preset")["description"]
    assert "generator from latest_net_G.pth" in description and "Not trained: discriminator." in description


class TestOtherNetworks:
    def test_of_another_kind_are_refused(self, tool):
        with pytest.raises(ValueError, match=r"lacks the kernel model\.1\.weight"):
            tool.network_of({"features.0.weight": np.zeros((8, 3, 3, 3))})

    def test_with_other_keys_are_refused(self, tool):
        state = {**state_of(Global(5)), "model.2.weight": np.zeros(2)}
        with pytest.raises(ValueError, match=r"keys that 'generator' has no layers for: model\.2\.weight"):
            tool.network_of(state)

    def test_statistics_of_old_files_are_left_out(self, tool):
        state = {**state_of(Global(5)), "model.2.running_mean": np.ones(2)}
        assert support.to_numpy(tool.network_of(state)(label_maps((16, 16)).astype("float32"))).std() > 0
