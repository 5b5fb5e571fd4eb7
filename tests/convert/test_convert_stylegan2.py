"""The converter against StyleGAN2, stated here in PyTorch with the names of both public codes."""

import argparse
import itertools
import math

import numpy as np
import pytest

import keras_genzoo as kg
from tests import support

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

LATENT, STYLE, CLASSES = 6, 8, 3
CHANNELS = [12, 12, 6]
SIDE = 4 * 2 ** (len(CHANNELS) - 1)
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def filtered(x, before, behind, gain=1.0):
    """Smoothed by [1, 3, 3, 1] along both sides, with zeros around."""
    x = functional.pad(x, (before, behind, before, behind))
    kernel = (gain * torch.outer(TAPS, TAPS))[None, None].expand(x.shape[1], 1, 4, 4)
    return functional.conv2d(x, kernel, groups=x.shape[1])


def enlarged(x):
    zeros = torch.zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    zeros[:, :, ::2, ::2] = x
    return filtered(zeros, 2, 1, gain=4.0)


def leaky(x):
    return functional.leaky_relu(x, 0.2) * math.sqrt(2)


def unit(x):
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


class Dense(nn.Module):
    def __init__(self, before, after, rate=1.0):
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.randn(after) / rate)

    def forward(self, x):
        scale = self.rate / math.sqrt(self.weight.shape[1])
        return functional.linear(x, self.weight * scale, self.bias * self.rate)


class Mapping(nn.Module):
    def __init__(self, latents, width, classes, average):
        super().__init__()
        self.embed = Dense(classes, width) if classes else None
        self.fc0 = Dense(latents + (width if classes else 0), width, 0.01)
        self.fc1 = Dense(width, width, 0.01)
        if average:
            self.register_buffer("w_avg", torch.randn(width))

    def forward(self, latents, labels):
        parts = [] if latents is None else [unit(latents)]
        if self.embed is not None:
            parts.append(unit(self.embed(functional.one_hot(labels, CLASSES).float())))
        return leaky(self.fc1(leaky(self.fc0(torch.cat(parts, 1)))))


class Modulated(nn.Module):
    """A convolution of both projects; rosinality's kernels are scaled before the demodulation, NVIDIA's are not."""

    def __init__(self, before, after, side, scaled, doubles=False, size=3, noise=True):
        super().__init__()
        self.scaled, self.doubles, self.to_images = scaled, doubles, size == 1
        self.weight = nn.Parameter(torch.randn(after, before, size, size))
        self.bias = nn.Parameter(torch.randn(after))
        self.affine = Dense(STYLE, before)
        self.has_noise = noise and not self.to_images
        if self.has_noise:
            self.noise_strength = nn.Parameter(torch.randn([]))
            self.register_buffer("noise_const", torch.randn(side, side))

    def forward(self, x, styles):
        weight = self.weight * self.affine(styles)[:, None, :, None, None]
        if self.scaled or self.to_images:
            weight = weight / math.sqrt(self.weight[0].numel())
        if not self.to_images:
            weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
        images = [self.convolved(image[None], kernel) for image, kernel in zip(x, weight, strict=True)]
        x = torch.cat(images)
        if self.to_images:
            return x + self.bias[:, None, None]
        if self.has_noise:
            x = x + self.noise_strength * self.noise_const
        return leaky(x + self.bias[:, None, None])

    def convolved(self, image, kernel):
        if self.doubles:
            return filtered(functional.conv_transpose2d(image, kernel.swapaxes(0, 1), stride=2), 1, 1, 4.0)
        return functional.conv2d(image, kernel, padding=kernel.shape[-1] // 2)


class Generator(nn.Module):
    def __init__(self, classes=None, scaled=False, noise=True):
        super().__init__()
        self.mapping = Mapping(LATENT if not scaled else STYLE, STYLE, classes, average=True)
        self.synthesis = nn.ModuleDict()
        for level, channels in enumerate(CHANNELS):
            side = 4 * 2**level
            block = nn.ModuleDict({"conv1": Modulated(channels, channels, side, scaled, noise=noise)})
            if level:
                below = CHANNELS[level - 1]
                block["conv0"] = Modulated(below, channels, side, scaled, doubles=True, noise=noise)
            block["torgb"] = Modulated(channels, 3, side, scaled, size=1)
            self.synthesis[f"b{side}"] = block
        self.synthesis["b4"].register_parameter("const", nn.Parameter(torch.randn(CHANNELS[0], 4, 4)))

    def forward(self, latents, labels=None, truncation=1.0):
        styles = self.mapping(latents, labels)
        styles = self.mapping.w_avg + truncation * (styles - self.mapping.w_avg)
        x, images = self.synthesis["b4"].const.expand(len(latents), -1, -1, -1), None
        for block in self.synthesis.values():
            if "conv0" in block:
                x = block["conv0"](x, styles)
            x = block["conv1"](x, styles)
            own = block["torgb"](x, styles)
            images = own if images is None else enlarged(images) + own
        return images


class Convolution(nn.Module):
    def __init__(self, before, after, size, bias=True, halves=False):
        super().__init__()
        self.halves = halves
        self.weight = nn.Parameter(torch.randn(after, before, size, size))
        self.bias = nn.Parameter(torch.randn(after)) if bias else None

    def forward(self, x):
        size, weight = self.weight.shape[-1], self.weight / math.sqrt(self.weight[0].numel())
        if self.halves:
            pad = 2 if size == 3 else 1
            return functional.conv2d(filtered(x, pad, pad), weight, self.bias, stride=2)
        return functional.conv2d(x, weight, self.bias, padding=size // 2)


class Discriminator(nn.Module):
    def __init__(self, classes=None, residual=True):
        super().__init__()
        self.blocks = []
        side = SIDE
        for own, below in itertools.pairwise(CHANNELS[::-1]):
            block = nn.ModuleDict({"fromrgb": Convolution(3, own, 1)} if side == SIDE else {})
            block["conv0"], block["conv1"] = Convolution(own, own, 3), Convolution(own, below, 3, halves=True)
            if residual:
                block["skip"] = Convolution(own, below, 1, bias=False, halves=True)
            self.add_module(f"b{side}", block)
            self.blocks.append(block)
            side //= 2
        self.mapping = Mapping(0, CHANNELS[0], classes, average=False) if classes else None
        self.b4 = nn.ModuleDict(
            {
                "conv": Convolution(CHANNELS[0] + 1, CHANNELS[0], 3),
                "fc": Dense(16 * CHANNELS[0], CHANNELS[0]),
                "out": Dense(CHANNELS[0], CHANNELS[0] if classes else 1),
            }
        )

    def forward(self, images, labels=None):
        x = leaky(self.blocks[0]["fromrgb"](images))
        for block in self.blocks:
            halved = leaky(block["conv1"](leaky(block["conv0"](x))))
            x = (halved + block["skip"](x)) / math.sqrt(2) if "skip" in block else halved
        # The images of the tests are one group.
        deviation = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
        x = torch.cat([x, deviation.expand(len(x), 1, 4, 4)], 1)
        logits = self.b4["out"](leaky(self.b4["fc"](leaky(self.b4["conv"](x)).flatten(1))))
        if self.mapping is None:
            return logits
        return (logits * self.mapping(None, labels)).sum(1, keepdim=True) / math.sqrt(CHANNELS[0])


def make(network, **arguments):
    torch.manual_seed(0)
    return network(**arguments).eval()


def state_of(network):
    filters = {"synthesis.b8.conv0.resample_filter": torch.outer(TAPS, TAPS)}
    return network.state_dict() | (filters if isinstance(network, Generator) else {})


def in_rosinality(network):
    """The state dictionary with the names and shapes of stylegan2-pytorch."""
    state = {}
    convolutions = ["conv1", *(f"convs.{index}" for index in range(2 * len(CHANNELS) - 2))]
    images = ["to_rgb1", *(f"to_rgbs.{index}" for index in range(len(CHANNELS) - 1))]
    if isinstance(network, Generator):
        state["input.input"] = network.synthesis["b4"].const[None]
        for index, dense in enumerate((network.mapping.fc0, network.mapping.fc1), 1):
            state |= {f"style.{index}.weight": dense.weight, f"style.{index}.bias": dense.bias}
        blocks = network.synthesis.values()
        ours = [block[name] for block in blocks for name in ("conv0", "conv1") if name in block]
        for name, layer in zip(convolutions, ours, strict=True):
            number = convolutions.index(name)
            state |= {
                f"{name}.activate.bias": layer.bias,
                f"{name}.noise.weight": layer.noise_strength[None],
                f"noises.noise_{number}": layer.noise_const[None, None],
            }
        rgb = [block["torgb"] for block in blocks]
        for name, layer in zip(images, rgb, strict=True):
            state[f"{name}.bias"] = layer.bias[None, :, None, None]
        for name, layer in zip([*convolutions, *images], [*ours, *rgb], strict=True):
            state |= {
                f"{name}.conv.weight": layer.weight[None],
                f"{name}.conv.modulation.weight": layer.affine.weight,
                f"{name}.conv.modulation.bias": layer.affine.bias,
            }
        state["convs.0.conv.blur.kernel"] = torch.outer(TAPS, TAPS)
    else:
        for number, block in enumerate(network.blocks):
            for ours, theirs in (
                ("fromrgb", ("convs.0.0", "convs.0.1")),
                ("conv0", (f"convs.{number + 1}.conv1.0", f"convs.{number + 1}.conv1.1")),
                ("conv1", (f"convs.{number + 1}.conv2.1", f"convs.{number + 1}.conv2.2")),
                ("skip", (f"convs.{number + 1}.skip.1", None)),
            ):
                if ours in block:
                    state[f"{theirs[0]}.weight"] = block[ours].weight
                    state |= {f"{theirs[1]}.bias": block[ours].bias} if theirs[1] else {}
            state[f"convs.{number + 1}.conv2.0.kernel"] = torch.outer(TAPS, TAPS)
        last = network.b4
        state |= {"final_conv.0.weight": last["conv"].weight, "final_conv.1.bias": last["conv"].bias}
        for index, name in enumerate(("fc", "out")):
            state |= {
                f"final_linear.{index}.weight": last[name].weight,
                f"final_linear.{index}.bias": last[name].bias,
            }
    return {key: value.detach().clone() for key, value in state.items()}


def arrays(state):
    return {key: value.numpy() for key, value in state.items()}


def inputs(conditional, latent_dim=LATENT):
    latents = np.random.default_rng(0).normal(size=(4, latent_dim)).astype("float32")
    return [latents, np.array([0, 2, 1, 2])] if conditional else [latents]


def images_like():
    return np.random.default_rng(1).uniform(-1, 1, (4, SIDE, SIDE, 3)).astype("float32")


def assert_same_generator(ours, theirs, conditional=False, truncation=1.0):
    given = inputs(conditional, ours.latent_dim)
    with torch.no_grad():
        expected = theirs(*map(torch.from_numpy, given), truncation=truncation).numpy().transpose(0, 2, 3, 1)
    images = support.to_numpy(ours(given if conditional else given[0], truncation=truncation))
    np.testing.assert_allclose(images, expected, atol=1e-4)
    assert expected.std() > 0.1


def assert_same_discriminator(ours, theirs, conditional=False):
    images, labels = images_like(), inputs(conditional)[1:]
    with torch.no_grad():
        expected = theirs(
            torch.from_numpy(images.transpose(0, 3, 1, 2)), *map(torch.from_numpy, labels)
        ).numpy()
    logits = support.to_numpy(ours([images, *labels] if conditional else images))
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert expected.std() > 1e-3


@pytest.mark.parametrize("conditional", [False, True])
class TestNVIDIA:
    def test_generator(self, tool, conditional):
        theirs = make(Generator, classes=CLASSES if conditional else None)
        ours = tool.generator_of(arrays(state_of(theirs)))
        assert_same_generator(ours, theirs, conditional)
        assert_same_generator(ours, theirs, conditional, truncation=0.5)

    def test_discriminator(self, tool, conditional):
        # The plain architecture is that of their settings for CIFAR.
        theirs = make(Discriminator, classes=CLASSES if conditional else None, residual=conditional)
        assert_same_discriminator(tool.discriminator_of(arrays(state_of(theirs))), theirs, conditional)


def test_nvidia_generator_without_noise(tool):
    theirs = make(Generator, noise=False)
    assert_same_generator(tool.generator_of(arrays(state_of(theirs))), theirs)


class TestRosinality:
    def test_generator(self, tool):
        theirs = make(Generator, scaled=True)
        state = in_rosinality(theirs) | {"latent_avg": theirs.mapping.w_avg}
        ours = tool.generator_of(arrays(state))
        assert_same_generator(ours, theirs)
        assert_same_generator(ours, theirs, truncation=0.5)

    def test_generator_without_an_average_gets_one(self, tool):
        theirs = make(Generator, scaled=True)
        ours = tool.generator_of(arrays(in_rosinality(theirs)))
        with torch.no_grad():
            expected = theirs.mapping(torch.randn(20_000, STYLE), None).mean(0).numpy()
        np.testing.assert_allclose(support.to_numpy(ours.mapping.average), expected, atol=0.05)

    def test_discriminator(self, tool):
        theirs = make(Discriminator)
        assert_same_discriminator(tool.discriminator_of(arrays(in_rosinality(theirs))), theirs)


class TestFiles:
    @pytest.mark.slow
    def test_of_nvidia_become_a_preset(self, tool, tmp_path, capsys):
        generator, discriminator = make(Generator, classes=CLASSES), make(Discriminator, classes=CLASSES)
        path = str(tmp_path / "network.pth")
        torch.save({"G_ema": state_of(generator), "D": state_of(discriminator)}, path)
        arguments = ["--generator", path, "--discriminator", path, "--group-size", "2"]
        assert tool.main([str(tmp_path / "gan"), *arguments]) == 0
        assert "generator from network.pth, discriminator from network.pth." in capsys.readouterr().out
        model = kg.models.StyleGAN2.from_preset(tmp_path / "gan")
        assert_same_generator(model.generator, generator, conditional=True)
        assert (model.num_classes, model.discriminator.group_size) == (CLASSES, 2)

    @pytest.mark.slow
    def test_of_a_training_of_rosinality_become_a_preset(self, tool, tmp_path, capsys):
        generator, discriminator = make(Generator, scaled=True), make(Discriminator)
        content = {
            "g": {"style.1.weight": torch.zeros(1)},
            "d": in_rosinality(discriminator),
            "g_ema": in_rosinality(generator),
            "g_optim": {"state": {}, "param_groups": [{"lr": 0.002}]},
            "args": argparse.Namespace(size=SIDE),
            "latent_avg": generator.mapping.w_avg,
        }
        path = str(tmp_path / "550000.pt")
        torch.save(content, path)
        assert tool.main([str(tmp_path / "gan"), "--generator", path, "--discriminator", path]) == 0
        model = kg.models.load(tmp_path / "gan")
        assert_same_generator(model.generator, generator, truncation=0.7)
        assert_same_discriminator(model.discriminator, discriminator)

    @pytest.mark.slow
    def test_without_a_discriminator_get_one(self, tool, tmp_path, capsys):
        torch.save(state_of(make(Generator)), tmp_path / "generator.pth")
        assert tool.main([str(tmp_path / "gan"), "--generator", str(tmp_path / "generator.pth")]) == 0
        assert "Not trained: discriminator." in capsys.readouterr().out

    def test_that_are_pickles_of_networks_run_no_code(self, tool, tmp_path, capsys):
        torch.save({"G_ema": make(Generator)}, tmp_path / "network.pkl")
        assert tool.main([str(tmp_path / "gan"), "--generator", str(tmp_path / "network.pkl")]) == 1
        assert "network.pkl: This is not a file of weights" in capsys.readouterr().err
        assert not (tmp_path / "gan").exists()

    def test_of_nvidia_have_a_license_that_the_help_names(self, tool, capsys):
        with pytest.raises(SystemExit):
            tool.main(["--help"])
        assert "non-commercial license" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synthesis.b4.torgb.weight": None}, r"lacks 'synthesis.b4.torgb.weight': it is of another network"),
        ({"synthesis.b8.conv0.affine.bias": None}, r"lacks 'synthesis.b8.conv0.affine.bias', needed for"),
        (
            {"synthesis.b8.conv0.noise_const": torch.zeros(4, 4)},
            r"'synthesis.b8.conv0.noise_const' .*\(4, 4\)",
        ),
        ({"mapping.w_avg": None}, r"lacks 'mapping.w_avg'"),
        ({"mapping.fc0.weight": torch.zeros(4)}, r"'mapping.fc0.weight' must be a matrix. Received: \(4,\)"),
        ({"synthesis.b32.torgb.bias": torch.zeros(3)}, r"no layers for: synthesis.b32.torgb.bias"),
        (
            {"synthesis.b8.torgb.weight": torch.zeros(3, 5, 1, 1)},
            r"\[12, 5, 6\] channels, which do not halve",
        ),
    ],
)
def test_generators_of_another_kind_are_refused(tool, change, message):
    state = {key: value for key, value in (state_of(make(Generator)) | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        tool.generator_of(arrays(state))


def test_missing_keys_are_those_of_the_project(tool):
    state = arrays(in_rosinality(make(Generator, scaled=True)))
    del state["convs.2.noise.weight"]
    with pytest.raises(ValueError, match=r"lacks 'convs.2.noise.weight'"):
        tool.generator_of(state)


@pytest.mark.parametrize(
    ("make_state", "missing"),
    [
        (lambda: state_of(make(Discriminator)), "b8.skip.weight"),
        (lambda: state_of(make(Discriminator)), "b4.conv.weight"),
        (lambda: in_rosinality(make(Discriminator)), "convs.2.conv1.1.bias"),
    ],
)
def test_discriminators_without_a_key_are_refused(tool, make_state, missing):
    state = arrays(make_state())
    del state[missing]
    with pytest.raises(ValueError, match=rf"lacks '{missing}'"):
        tool.discriminator_of(state)
