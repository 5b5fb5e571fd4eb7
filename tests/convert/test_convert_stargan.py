"""The converter against the authors' networks, stated here in PyTorch with their names of parameters."""

import itertools

import numpy as np
import pytest
from keras import ops

import keras_genzoo as kg
from tests import support

torch = pytest.importorskip("torch")
nn = torch.nn

WIDTH = 3


def active(channels):
    return [norm(channels), nn.ReLU()]


def norm(channels):
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.main = nn.Sequential(first, *active(channels), second, norm(channels))

    def forward(self, x):
        return x + self.main(x)


class Generator(nn.Module):
    def __init__(self, num_domains=5, num_blocks=2):
        super().__init__()
        steps = [nn.Conv2d(3 + num_domains, WIDTH, 7, padding=3, bias=False), *active(WIDTH)]
        for source in (WIDTH, 2 * WIDTH):
            down = nn.Conv2d(source, 2 * source, 4, stride=2, padding=1, bias=False)
            steps += [down, *active(2 * source)]
        steps += [Block(4 * WIDTH) for _ in range(num_blocks)]
        for target in (2 * WIDTH, WIDTH):
            up = nn.ConvTranspose2d(2 * target, target, 4, stride=2, padding=1, bias=False)
            steps += [up, *active(target)]
        self.main = nn.Sequential(*steps, nn.Conv2d(WIDTH, 3, 7, padding=3, bias=False), nn.Tanh())

    def forward(self, images, domains):
        maps = domains[:, :, None, None].expand(-1, -1, *images.shape[2:])
        return self.main(torch.cat([images, maps], dim=1))


class Discriminator(nn.Module):
    def __init__(self, side=32, num_layers=4, num_domains=5):
        super().__init__()
        widths = [3, *(WIDTH * 2**level for level in range(num_layers))]
        steps = []
        for source, target in itertools.pairwise(widths):
            steps += [nn.Conv2d(source, target, 4, stride=2, padding=1), nn.LeakyReLU(0.01)]
        self.main = nn.Sequential(*steps)
        self.conv1 = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(widths[-1], num_domains, side // 2**num_layers, bias=False)

    def forward(self, images):
        x = self.main(images)
        return self.conv1(x), self.conv2(x)[:, :, 0, 0]


def with_random_weights(network):
    """Every parameter and statistic random, activations of about one; the network stays in the mode of training."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 4:
            tensor.normal_(0.0, tensor[0].numel() ** -0.5, generator=generator)
        elif tensor.is_floating_point():
            mean = 1.0 if name.endswith(("weight", "running_var")) else 0.0
            tensor.normal_(mean, 0.3, generator=generator)
    return network


def state_of(network):
    return {key: value.numpy().copy() for key, value in network.state_dict().items()}


def outputs_of(network, images, *others):
    with torch.no_grad():
        made = network(torch.from_numpy(images.transpose(0, 3, 1, 2)), *map(torch.from_numpy, others))
    made = made if isinstance(made, tuple) else (made,)
    return [x.numpy().transpose(0, 2, 3, 1) if x.ndim == 4 else x.numpy() for x in made]


def assert_close(actual, expected):
    # A hundred times the tolerance: nothing agrees by being constant.
    assert expected.std() > 1e-2
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, atol=1e-4)


@pytest.mark.ci
@pytest.mark.parametrize("num_blocks", [2, 6])
def test_generator_gives_the_output_of_pytorch(tool, num_blocks):
    reference = with_random_weights(Generator(5, num_blocks))
    network = tool.generator_of(state_of(reference))
    config = network.get_config()
    assert (config["num_domains"], config["num_blocks"], config["width"]) == (5, num_blocks, WIDTH)
    # Of several attributes.
    vectors = np.array([[1, 0, 0, 1, 1], [0, 0, 1, 0, 0]], "float32")
    for size in ((32, 32), (20, 44)):
        images = support.toy_images(2, (*size, 3))
        (expected,) = outputs_of(reference, images, vectors)
        assert_close(network([images, vectors]), expected)


@pytest.mark.parametrize(("side", "num_layers"), [(32, 4), (48, 4), (32, 3)])
def test_discriminator_gives_the_outputs_of_pytorch(tool, side, num_layers):
    reference = with_random_weights(Discriminator(side, num_layers))
    network = tool.discriminator_of(state_of(reference))
    assert network.input_shape == (None, side, side, 3)
    images = support.toy_images(2, (side, side, 3))
    for ours, expected in zip(network(images), outputs_of(reference, images), strict=True):
        assert_close(ours, expected)


@pytest.mark.ci
def test_preset(tool, tmp_path):
    generator, discriminator = with_random_weights(Generator()), with_random_weights(Discriminator())
    torch.save(generator.state_dict(), tmp_path / "200000-G.ckpt")
    torch.save(discriminator.state_dict(), tmp_path / "200000-D.ckpt")
    files = ["--generator", str(tmp_path / "200000-G.ckpt")]
    both = [*files, "--discriminator", str(tmp_path / "200000-D.ckpt")]
    assert tool.main([str(tmp_path / "both"), *both]) == 0
    model = kg.models.load(tmp_path / "both")
    assert isinstance(model, kg.models.StarGAN) and model.image_shape == (32, 32, 3)
    images = support.toy_images(2, (32, 32, 3))
    (expected,) = outputs_of(generator, images, np.eye(5, dtype="float32")[[3, 1]])
    assert_close(model.translate(images, domain=[3, 1]), expected)
    assert_close(model.discriminator(images)[1], outputs_of(discriminator, images)[1])
    description = kg.presets.metadata(tmp_path / "both")["description"]
    assert "generator from 200000-G.ckpt, discriminator from 200000-D.ckpt." in description

    assert tool.main([str(tmp_path / "one"), *files, "--image-size", "16"]) == 0
    assert kg.models.load(tmp_path / "one").image_shape == (16, 16, 3)
    assert "Not trained: discriminator." in kg.presets.metadata(tmp_path / "one")["description"]


class TestOtherNetworks:
    def test_of_another_kind_are_refused(self, tool):
        for make in (tool.generator_of, tool.discriminator_of):
            with pytest.raises(ValueError, match=r"lacks the kernel main\.0\.weight"):
                make({"features.0.weight": np.zeros((8, 3, 3, 3))})

    def test_a_discriminator_is_no_generator(self, tool):
        with pytest.raises(ValueError, match=r"lacks the kernel main\.15\.weight"):
            tool.generator_of(state_of(Discriminator()))
        with pytest.raises(ValueError, match=r"lacks the kernel conv2\.weight"):
            tool.discriminator_of(state_of(Generator()))

    def test_with_other_keys_are_refused(self, tool):
        state = {**state_of(Generator()), "main.2.weight": np.zeros(3)}
        with pytest.raises(ValueError, match=r"keys that 'generator' has no layers for: main\.2\.weight"):
            tool.generator_of(state)
