"""The converter against the architecture, stated here in PyTorch with the names of the public code."""

import itertools

import numpy as np
import pytest

import keras_genzoo as kg
from tests import support

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

CHANNELS = [8, 8, 4]
LATENT = 5


class Scaled(nn.Module):
    """Weights of variance 1 times He's constant, which the bias is multiplied by as well."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        weight = self.module.weight
        return self.module(x) * (2 / weight[0].numel()) ** 0.5


def convolution(before, after, size):
    return Scaled(nn.Conv2d(before, after, size, padding=size // 2))


def pixel_norm(x):
    return x / torch.sqrt((x * x).mean(1, keepdim=True) + 1e-8)


def leaky(x):
    return functional.leaky_relu(x, 0.2)


def enlarge(x):
    return functional.interpolate(x, scale_factor=2)


def blocks(channels, downwards):
    return nn.ModuleList(
        nn.ModuleList(
            [convolution(own, own, 3), convolution(own, below, 3)]
            if downwards
            else [convolution(below, own, 3), convolution(own, own, 3)]
        )
        for below, own in itertools.pairwise(channels)
    )


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.formatLayer = Scaled(nn.Linear(LATENT, 16 * CHANNELS[0]))
        self.groupScale0 = nn.ModuleList([convolution(CHANNELS[0], CHANNELS[0], 3)])
        self.scaleLayers = blocks(CHANNELS, downwards=False)
        self.toRGBLayers = nn.ModuleList(convolution(channels, 3, 1) for channels in CHANNELS)

    def forward(self, latents, level, alpha):
        x = leaky(self.formatLayer(pixel_norm(latents)))
        x = pixel_norm(x.view(len(latents), -1, 4, 4))
        x = pixel_norm(leaky(self.groupScale0[0](x)))
        for first, second in list(self.scaleLayers)[:level]:
            below = x
            x = pixel_norm(leaky(second(pixel_norm(leaky(first(enlarge(x)))))))
        images = self.toRGBLayers[level](x)
        if alpha is None:
            return images
        return alpha * images + (1 - alpha) * enlarge(self.toRGBLayers[level - 1](below))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fromRGBLayers = nn.ModuleList(convolution(3, channels, 1) for channels in CHANNELS)
        self.scaleLayers = blocks(CHANNELS, downwards=True)
        smallest = CHANNELS[0]
        self.groupScaleZero = nn.ModuleList(
            [convolution(smallest + 1, smallest, 3), Scaled(nn.Linear(16 * smallest, smallest))]
        )
        self.decisionLayer = Scaled(nn.Linear(smallest, 1))

    def forward(self, images, level, alpha):
        x = leaky(self.fromRGBLayers[level](images))
        for index in range(level, 0, -1):
            first, second = self.scaleLayers[index - 1]
            x = functional.avg_pool2d(leaky(second(leaky(first(x)))), 2)
            if index == level and alpha is not None:
                below = leaky(self.fromRGBLayers[level - 1](functional.avg_pool2d(images, 2)))
                x = alpha * x + (1 - alpha) * below
        groups = x.view(-1, 4, *x.shape[1:])
        deviation = torch.sqrt(groups.var(1) + 1e-8).mean((1, 2, 3)).repeat_interleave(4)
        x = torch.cat([x, deviation.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)], 1)
        x = leaky(self.groupScaleZero[0](x)).flatten(1)
        return self.decisionLayer(leaky(self.groupScaleZero[1](x)))


def _random(network):
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    return network.eval()


def _state(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


@pytest.mark.parametrize(("level", "alpha"), [(0, None), (1, 0.3), (2, 0.6), (2, None)])
class TestOutputs:
    def test_generator(self, tool, level, alpha):
        theirs = _random(Generator())
        latents = np.random.default_rng(0).normal(size=(6, LATENT)).astype("float32")
        with torch.no_grad():
            expected = theirs(torch.from_numpy(latents), level, alpha).numpy().transpose(0, 2, 3, 1)
        images = support.to_numpy(tool.generator_of(_state(theirs))(latents, level=level, alpha=alpha))
        np.testing.assert_allclose(images, expected, atol=1e-4)
        assert expected.std() > 0.1

    def test_discriminator(self, tool, level, alpha):
        theirs = _random(Discriminator())
        side = 4 * 2**level
        images = np.random.default_rng(1).uniform(-1, 1, (8, side, side, 3)).astype("float32")
        with torch.no_grad():
            expected = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2)), level, alpha).numpy()
        values = support.to_numpy(tool.discriminator_of(_state(theirs))(images, level=level, alpha=alpha))
        np.testing.assert_allclose(values, expected, atol=1e-4)
        assert expected.std() > 0.01


@pytest.mark.slow_but("False", ci=True)
@pytest.mark.parametrize("with_discriminator", [True, False])
def test_files_become_a_preset(tool, tmp_path, capsys, with_discriminator):
    generator, discriminator = _random(Generator()), _random(Discriminator())
    torch.save(generator.state_dict(), tmp_path / "generator.pth")
    torch.save(discriminator.state_dict(), tmp_path / "discriminator.pth")
    arguments = [str(tmp_path / "gan"), "--generator", str(tmp_path / "generator.pth")]
    if with_discriminator:
        arguments += ["--discriminator", str(tmp_path / "discriminator.pth")]
    assert tool.main(arguments) == 0
    assert ("Not trained" in capsys.readouterr().out) == (not with_discriminator)
    model = kg.models.ProgressiveGAN.from_preset(tmp_path / "gan")
    latents = np.random.default_rng(0).normal(size=(2, LATENT)).astype("float32")
    with torch.no_grad():
        expected = generator(torch.from_numpy(latents), 2, None).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(model.sample(latents=latents), expected.clip(-1, 1), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("formatLayer.module.bias"), "lacks 'formatLayer.module.bias'"),
        (lambda state: state.clear(), "not those of a progressive GAN"),
        (
            lambda state: state.update({"toRGBLayers.1.module.weight": np.zeros((3, 5, 1, 1))}),
            r"\[8, 5, 4\] channels, which do not halve",
        ),
    ],
)
def test_files_of_another_network_are_refused(tool, change, message):
    state = _state(Generator())
    change(state)
    with pytest.raises(ValueError, match=message):
        tool.generator_of(state)


def test_discriminators_of_several_values_are_refused(tool):
    state = _state(Discriminator())
    state["decisionLayer.module.weight"] = np.zeros((3, 8), "float32")
    with pytest.raises(ValueError, match="gives 3 values"):
        tool.discriminator_of(state)
    state["groupScaleZero.0.module.weight"] = np.zeros((8, 8, 3, 3), "float32")
    with pytest.raises(ValueError, match="no standard deviation"):
        tool.discriminator_of(state)
