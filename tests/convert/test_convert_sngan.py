"""The converter against SNGAN, stated here in PyTorch with the names of the public code."""

import itertools

import numpy as np
import pytest

import keras_genzoo as kg
from tests import support

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

LATENT, CLASSES = 6, 5
# Side of the first map, channels of the generator's maps and of the discriminator's blocks, blocks that halve.
SIZES = {
    32: (4, [8, 8, 8, 8], [4, 4, 4, 4], 2),
    48: (6, [16, 8, 4, 2], [2, 4, 8, 16, 32], 4),
    64: (4, [32, 16, 8, 4, 2], [2, 4, 8, 16, 32], 5),
    128: (4, [32, 32, 16, 8, 4, 2], [2, 4, 8, 16, 32, 32], 5),
}


class Conditional(nn.Module):
    """Batch normalisation with a scale and an offset per class."""

    def __init__(self, channels, epsilon):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, epsilon, affine=False)
        self.embed = nn.Embedding(CLASSES, 2 * channels)

    def forward(self, x, labels):
        scales, offsets = self.embed(labels)[:, :, None, None].chunk(2, 1)
        return scales * self.bn(x) + offsets


class GeneratorBlock(nn.Module):
    def __init__(self, before, after, conditional, mode, epsilon):
        super().__init__()
        self.mode = mode
        self.c1, self.c2 = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.c_sc = nn.Conv2d(before, after, 1)
        normalization = Conditional if conditional else nn.BatchNorm2d
        self.b1, self.b2 = normalization(before, epsilon), normalization(after, epsilon)

    def forward(self, x, *labels):
        def doubled(maps):
            return functional.interpolate(maps, scale_factor=2, mode=self.mode)

        residual = self.c1(doubled(self.b1(x, *labels).relu()))
        return self.c2(self.b2(residual, *labels).relu()) + self.c_sc(doubled(x))


class Generator(nn.Module):
    def __init__(self, size, conditional, mode="bilinear", epsilon=1e-5):
        super().__init__()
        self.side, channels, *_ = SIZES[size]
        self.l1 = nn.Linear(LATENT, channels[0] * self.side**2)
        self.blocks = [
            GeneratorBlock(*pair, conditional, mode, epsilon) for pair in itertools.pairwise(channels)
        ]
        for number, block in enumerate(self.blocks, 2):
            self.add_module(f"block{number}", block)
        self.last = f"b{number + 1}", f"c{number + 1}"
        self.add_module(self.last[0], nn.BatchNorm2d(channels[-1], epsilon))
        self.add_module(self.last[1], nn.Conv2d(channels[-1], 3, 3, padding=1))

    def forward(self, latents, *labels):
        x = self.l1(latents).unflatten(1, (-1, self.side, self.side))
        for block in self.blocks:
            x = block(x, *labels)
        norm, output = (self._modules[name] for name in self.last)
        return torch.tanh(output(norm(x).relu()))


def spectral(kind):
    """A layer of a kind whose weight is divided by what a step of the power method from `u` estimates."""

    class Spectral(kind):
        def __init__(self, *arguments, **kwargs):
            super().__init__(*arguments, **kwargs)
            self.register_buffer("u", torch.randn(1, len(self.weight)))

        def forward(self, x):
            matrix = self.weight.flatten(1)
            v = functional.normalize(self.u @ matrix)
            u = functional.normalize(v @ matrix.T)
            weight = self.weight / (u @ matrix @ v.T)
            if kind is nn.Conv2d:
                return functional.conv2d(x, weight, self.bias, padding=self.padding)
            return functional.linear(x, weight, self.bias) if kind is nn.Linear else weight[x]

    return Spectral


Convolution, Dense, Table = (spectral(kind) for kind in (nn.Conv2d, nn.Linear, nn.Embedding))


class DiscriminatorBlock(nn.Module):
    def __init__(self, before, after, halves, first):
        super().__init__()
        self.halves, self.first = halves, first
        hidden = after if first else before
        self.c1 = Convolution(before, hidden, 3, padding=1)
        self.c2 = Convolution(hidden, after, 3, padding=1)
        if halves or before != after:
            self.c_sc = Convolution(before, after, 1)

    def forward(self, x):
        residual = self.c2(self.c1(x if self.first else x.relu()).relu())
        shortcut = self.c_sc(x) if hasattr(self, "c_sc") else x
        return functional.avg_pool2d(residual + shortcut, 2) if self.halves else residual + shortcut


class Discriminator(nn.Module):
    def __init__(self, size, conditional, bias=True):
        super().__init__()
        *_, channels, halvings = SIZES[size]
        self.num = len(channels)
        for index, (before, after) in enumerate(itertools.pairwise([3, *channels])):
            block = DiscriminatorBlock(before, after, index < halvings, index == 0)
            self.add_module(f"block{index + 1}", block)
        self.add_module(f"l{self.num + 1}", Dense(channels[-1], 1, bias=bias))
        if conditional:
            self.l_y = Table(CLASSES, channels[-1])

    def forward(self, images, *labels):
        for number in range(1, self.num + 1):
            images = self._modules[f"block{number}"](images)
        features = images.relu().sum((2, 3))
        logits = self._modules[f"l{self.num + 1}"](features)
        return logits + sum((self.l_y(label) * features).sum(1, keepdim=True) for label in labels)


def random(network):
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.normal_(0.0, module.weight[0].numel() ** -0.5)
                if module.bias is not None:
                    module.bias.normal_(0.0, 0.3)
            elif isinstance(module, nn.BatchNorm2d):
                if module.affine:
                    module.weight.uniform_(0.5, 1.5)
                    module.bias.normal_(0.0, 0.3)
                module.running_mean.normal_(0.0, 0.3)
                module.running_var.uniform_(0.5, 2.0)
    return network.eval()


def state_of(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


def in_chainer(network):
    """The state dictionary under the names of sngan_projection."""
    state = {}
    for key, value in state_of(network).items():
        module, name = key.removesuffix(".bn").rsplit(".", 1)
        module = module.removesuffix(".bn").replace(".", "/")
        if name == "num_batches_tracked":
            continue
        if module.endswith("/embed"):
            module = module.removesuffix("/embed")
            state[f"{module}/gammas/W"], state[f"{module}/betas/W"] = np.split(value, 2, axis=1)
            continue
        of_norm = module.split("/")[-1].startswith("b") and value.ndim == 1
        names = {"running_mean": "avg_mean", "running_var": "avg_var", "u": "u"}
        names |= {"weight": "gamma", "bias": "beta"} if of_norm else {"weight": "W", "bias": "b"}
        state[f"{module}/{names[name]}"] = value
        if name == "running_var":
            state[f"{module}/N"] = np.array(0)
    return state


def output_of(network, inputs, labels):
    with torch.no_grad():
        outputs = network(torch.from_numpy(inputs), *(torch.from_numpy(part) for part in labels)).numpy()
    return outputs.transpose(0, 2, 3, 1) if outputs.ndim == 4 else outputs


def labels_of(conditional):
    return [np.array([0, 4, 2])] * conditional


def assert_same(ours, theirs, inputs, conditional):
    labels = labels_of(conditional)
    expected = output_of(theirs, inputs, labels)
    inputs = inputs.transpose(0, 2, 3, 1) if inputs.ndim == 4 else inputs
    actual = support.to_numpy(ours([inputs, *labels] if conditional else inputs, training=False))
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    # Ten times the tolerance: nothing agrees by being constant.
    assert expected.std() > 1e-3


LATENTS = np.random.default_rng(0).normal(size=(3, LATENT)).astype("float32")


def images_of(size):
    return np.random.default_rng(1).uniform(-1, 1, (3, 3, size, size)).astype("float32")


CASES = [(32, False), (32, True), (48, False), (64, False), (128, False), (128, True)]


@pytest.mark.slow_but("32-True", "48-False", "64-False")
@pytest.mark.parametrize(("size", "conditional"), CASES)
class TestMimicry:
    def test_generator(self, tool, size, conditional):
        theirs = random(Generator(size, conditional))
        assert_same(tool.generator_of(state_of(theirs)), theirs, LATENTS, conditional)


@pytest.mark.slow_but("32-True")
@pytest.mark.parametrize(("size", "conditional"), [(32, False), (32, True), (64, True), (128, True)])
class TestSNGANProjection:
    def test_generator(self, tool, size, conditional):
        theirs = random(Generator(size, conditional, "nearest", 2e-5))
        ours = tool.generator_of(in_chainer(theirs), tool.SNGAN_PROJECTION)
        assert_same(ours, theirs, LATENTS, conditional)

    def test_discriminator(self, tool, size, conditional):
        theirs = random(Discriminator(size, conditional, bias=size > 32))
        ours = tool.discriminator_of(in_chainer(theirs), size, tool.SNGAN_PROJECTION)
        assert_same(ours, theirs, images_of(size), conditional)


class TestFiles:
    @pytest.mark.slow
    def test_of_mimicry_become_a_preset(self, tool, tmp_path, capsys):
        generator = random(Generator(48, False))
        content = {"model_state_dict": generator.state_dict(), "optimizer_state_dict": {}, "global_step": 7}
        torch.save(content, tmp_path / "netG.pth")
        assert tool.main([str(tmp_path / "gan"), "--generator", str(tmp_path / "netG.pth")]) == 0
        assert "generator from netG.pth. Not trained: discriminator." in capsys.readouterr().out
        images = kg.models.SNGAN.from_preset(tmp_path / "gan").sample(latents=LATENTS)
        np.testing.assert_allclose(images, output_of(generator, LATENTS, []), atol=1e-4)

    @pytest.mark.slow
    def test_of_sngan_projection_become_a_preset(self, tool, tmp_path, capsys):
        generator = random(Generator(64, True, "nearest", 2e-5))
        discriminator = random(Discriminator(64, True))
        for name, network in (("generator", generator), ("discriminator", discriminator)):
            np.savez(tmp_path / f"{name}.npz", **in_chainer(network))
        files = [f"--{name}={tmp_path / name}.npz" for name in ("generator", "discriminator")]
        assert tool.main([str(tmp_path / "gan"), *files]) == 0
        model = kg.models.load(tmp_path / "gan")
        (labels,) = labels_of(True)
        images = model.sample(latents=LATENTS, labels=labels)
        np.testing.assert_allclose(images, output_of(generator, LATENTS, [labels]), atol=1e-4)
        assert_same(model.discriminator, discriminator, images_of(64), True)

    def test_of_discriminators_of_mimicry_are_refused(self, tool, tmp_path, capsys):
        torch.save(random(Generator(32, False)).state_dict(), tmp_path / "netG.pth")
        files = ["--generator", str(tmp_path / "netG.pth"), "--discriminator", str(tmp_path / "netG.pth")]
        assert tool.main([str(tmp_path / "gan"), *files]) == 1
        assert "netG.pth: Mimicry's discriminators cannot be converted" in capsys.readouterr().err
        assert not (tmp_path / "gan").exists()

    def test_with_objects_are_refused(self, tool, tmp_path, capsys):
        np.savez(tmp_path / "generator.npz", **{"l1/W": np.array([{}], "object")})
        assert tool.main([str(tmp_path / "gan"), "--generator", str(tmp_path / "generator.npz")]) == 1
        assert "generator.npz: This is not an .npz file of arrays" in capsys.readouterr().err
        assert not (tmp_path / "gan").exists()


def generator_state():
    return state_of(Generator(32, True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block2.c1.weight": None}, "lacks 'block2.c1.weight'"),
        ({"block3.c1.weight": np.zeros(3)}, "lacks the kernel block3.c1.weight"),
        ({"block3.b1.bn.running_var": None}, "lacks 'block3.b1.bn.running_var'"),
        ({"block3.b1.embed.weight": np.zeros((5, 3))}, r"'block3.b1.embed.weight' .*Received: \(5, 3\)"),
        ({"l1.weight": np.zeros((100, 6))}, r"'l1.weight' must have outputs for a square map of 8"),
        ({"l1.bias": np.zeros(3)}, r"'l1.bias' has the shape \(3,\)"),
        ({"block9.c1.weight": np.zeros(3)}, "no layers for: block9.c1.weight"),
    ],
)
def test_arrays_of_another_network_are_refused(tool, change, message):
    state = {key: value for key, value in (generator_state() | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        tool.generator_of(state)


def test_discriminators_without_a_key_are_refused(tool):
    state = in_chainer(Discriminator(32, False))
    del state["block2/c_sc/u"]
    with pytest.raises(ValueError, match=r"lacks 'block2/c_sc/u'"):
        tool.discriminator_of(state, 32)
