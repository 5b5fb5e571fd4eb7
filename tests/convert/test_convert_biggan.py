"""The converter against BigGAN-deep, stated here in PyTorch with the names of the public code."""

import json

import numpy as np
import pytest

import keras_genzoo as kg
from tests import support

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

WIDTH, LATENT, CLASSES, STEPS = 4, 6, 5, 51
LAYERS = [(before, before, after) for before, after in ((16, 16), (16, 8), (8, 4), (4, 2), (2, 1))]
CONFIG = {
    "output_dim": 128,
    "z_dim": LATENT,
    "class_embed_dim": LATENT,
    "channel_width": WIDTH,
    "num_classes": CLASSES,
    "layers": [
        layer for before, _, after in LAYERS for layer in ([False, before, before], [True, before, after])
    ],
    "attention_layer_position": 8,
    "eps": 1e-4,
    "n_stats": STEPS,
}


def spectral(module):
    return nn.utils.spectral_norm(module, eps=1e-4)


class Normalization(nn.Module):
    """By the statistics of a truncation, interpolated as they should be."""

    def __init__(self, channels, conditional=True):
        super().__init__()
        self.register_buffer("running_means", torch.zeros(STEPS, channels))
        self.register_buffer("running_vars", torch.ones(STEPS, channels))
        if conditional:
            self.scale = spectral(nn.Linear(2 * LATENT, channels, bias=False))
            self.offset = spectral(nn.Linear(2 * LATENT, channels, bias=False))
        else:
            self.weight = nn.Parameter(torch.ones(channels))
            self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x, truncation, condition=None):
        position = round(truncation * (STEPS - 1), 6)
        below, share = int(position), position - int(position)
        above = min(below + 1, STEPS - 1)
        mean, variance = (
            ((1 - share) * values[below] + share * values[above])[:, None, None]
            for values in (self.running_means, self.running_vars)
        )
        if condition is None:
            scale, offset = self.weight[:, None, None], self.bias[:, None, None]
        else:
            scale = 1 + self.scale(condition)[:, :, None, None]
            offset = self.offset(condition)[:, :, None, None]
        return functional.relu((x - mean) / (variance + 1e-4).sqrt() * scale + offset)


class Block(nn.Module):
    def __init__(self, doubles, before, after):
        super().__init__()
        self.doubles, self.channels = doubles, after
        hidden = before // 4
        self.bn_0, self.conv_0 = Normalization(before), spectral(nn.Conv2d(before, hidden, 1))
        self.bn_1, self.conv_1 = Normalization(hidden), spectral(nn.Conv2d(hidden, hidden, 3, padding=1))
        self.bn_2, self.conv_2 = Normalization(hidden), spectral(nn.Conv2d(hidden, hidden, 3, padding=1))
        self.bn_3, self.conv_3 = Normalization(hidden), spectral(nn.Conv2d(hidden, after, 1))

    def forward(self, x, truncation, condition):
        def doubled(maps):
            return functional.interpolate(maps, scale_factor=2) if self.doubles else maps

        residual = self.conv_0(self.bn_0(x, truncation, condition))
        residual = self.conv_1(doubled(self.bn_1(residual, truncation, condition)))
        residual = self.conv_2(self.bn_2(residual, truncation, condition))
        residual = self.conv_3(self.bn_3(residual, truncation, condition))
        return residual + doubled(x[:, : self.channels])


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.snconv1x1_theta = spectral(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.snconv1x1_phi = spectral(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.snconv1x1_g = spectral(nn.Conv2d(channels, channels // 2, 1, bias=False))
        self.snconv1x1_o_conv = spectral(nn.Conv2d(channels // 2, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        query = self.snconv1x1_theta(x).flatten(2)
        key = functional.max_pool2d(self.snconv1x1_phi(x), 2).flatten(2)
        value = functional.max_pool2d(self.snconv1x1_g(x), 2).flatten(2)
        weights = torch.einsum("bcq,bck->bqk", query, key).softmax(-1)
        attended = torch.einsum("bqk,bck->bcq", weights, value).unflatten(2, x.shape[2:])
        return x + self.gamma * self.snconv1x1_o_conv(attended)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.gen_z = spectral(nn.Linear(2 * LATENT, 16 * 16 * WIDTH))
        blocks = [
            Block(doubles, before * WIDTH, after * WIDTH) for doubles, before, after in CONFIG["layers"]
        ]
        position = CONFIG["attention_layer_position"]
        self.layers = nn.ModuleList([*blocks[:position], Attention(2 * WIDTH), *blocks[position:]])
        self.bn = Normalization(WIDTH, conditional=False)
        self.conv_to_rgb = spectral(nn.Conv2d(WIDTH, WIDTH, 3, padding=1))

    def forward(self, condition, truncation):
        x = self.gen_z(condition).unflatten(1, (4, 4, 16 * WIDTH)).permute(0, 3, 1, 2)
        for layer in self.layers:
            x = layer(x) if isinstance(layer, Attention) else layer(x, truncation, condition)
        return torch.tanh(self.conv_to_rgb(self.bn(x, truncation))[:, :3])


class BigGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Linear(CLASSES, LATENT, bias=False)
        self.generator = Generator()

    def forward(self, latents, labels, truncation):
        embedded = self.embeddings(functional.one_hot(labels, CLASSES).float())
        return self.generator(torch.cat([latents, embedded], 1), truncation)


@pytest.fixture(scope="module")
def theirs():
    """With random weights and statistics, and singular vectors of a few steps: not yet the largest values'."""
    torch.manual_seed(0)
    network = BigGAN()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.5)
        for name, buffer in network.named_buffers():
            if "running" in name:
                buffer.uniform_(*((0.5, 2.0) if "vars" in name else (-0.5, 0.5)))
        for _ in range(2):
            network(*inputs(), 1.0)
    return network.eval()


def inputs():
    latents = torch.from_numpy(np.random.default_rng(0).normal(size=(3, LATENT)).astype("float32"))
    return latents, torch.tensor([0, 4, 2])


def state_of(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


# 0.58 / 0.02 is a little less than 29 in floating point.
@pytest.mark.slow_but("0.58", ci=True)
@pytest.mark.parametrize("truncation", [0.0, 0.58, 0.613, 1.0])
def test_outputs_are_those_of_pytorch(tool, theirs, truncation):
    ours = tool.generator_of(state_of(theirs), CONFIG, truncation)
    with torch.no_grad():
        expected = theirs(*inputs(), truncation).numpy().transpose(0, 2, 3, 1)
    images = support.to_numpy(ours([part.numpy() for part in inputs()]))
    np.testing.assert_allclose(images, expected, atol=1e-4)
    assert expected.std() > 0.1


@pytest.mark.slow
def test_files_become_a_preset(tool, theirs, tmp_path, capsys):
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    output = str(tmp_path / "gan")
    arguments = [output, "--generator", str(tmp_path / "pytorch_model.bin"), "--truncation", "0.4"]
    assert tool.main(arguments) == 0
    assert "Not trained: discriminator. Statistics of truncation 0.4." in capsys.readouterr().out
    model = kg.models.load(output)
    assert isinstance(model, kg.models.BigGAN) and model.truncation == 0.8
    latents, labels = (part.numpy() for part in inputs())
    with torch.no_grad():
        expected = theirs(*inputs(), 0.4).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(model.sample(latents=latents, labels=labels), expected, atol=1e-4)


@pytest.mark.slow
def test_missing_keys_are_named_with_the_file(tool, theirs, tmp_path, capsys):
    state = theirs.state_dict()
    del state["generator.layers.8.snconv1x1_phi.weight_v"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    assert tool.main([str(tmp_path / "gan"), "--generator", str(tmp_path / "pytorch_model.bin")]) == 1
    message = capsys.readouterr().err
    assert "pytorch_model.bin: The file lacks 'generator.layers.8.snconv1x1_phi.weight_v'" in message
    assert not (tmp_path / "gan").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"generator.bn.running_means": np.zeros((3, WIDTH))},
            r"'generator.bn.running_means'.*51 trunc.*\(3, 4",
        ),
        (
            {"generator.gen_z.weight_v": np.zeros(2)},
            r"'generator.gen_z.weight_orig' must have 1024 and 12",
        ),
        (
            {"generator.gen_z.weight_v": np.full(12, 9.0)},
            r"gen_z.weight_orig': It is divided by .*another",
        ),
        ({"generator.conv_to_rgb.bias": None}, "lacks 'generator.conv_to_rgb.bias'"),
    ],
)
def test_arrays_of_another_network_are_refused(tool, theirs, change, message):
    state = {key: value for key, value in (state_of(theirs) | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        tool.generator_of(state, CONFIG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": CONFIG["layers"][:-1]}, r"layers must be \[\[False, 16, 16\]"),
        ({"layers": [1] * 10}, r"layers must be .*Received: \[1, 1"),
        ({"attention_layer_position": 7}, "attention_layer_position=7"),
        ({"output_dim": 100}, "side of 4"),
    ],
)
def test_other_configurations_are_refused(tool, change, message):
    with pytest.raises(ValueError, match=message):
        tool.generator_of({}, CONFIG | change)


def test_a_preset_of_truncation_zero_is_refused(tool, tmp_path, capsys):
    assert tool.main([str(tmp_path / "gan"), "--generator", "none.bin", "--truncation", "0"]) == 1
    assert "`--truncation` must be above 0. Received: 0" in capsys.readouterr().err


@pytest.mark.parametrize("truncation", [-0.1, 1.5])
def test_statistics_of_other_truncations_are_refused(tool, truncation):
    with pytest.raises(ValueError, match=r"from 0 to 1. Received: "):
        tool.generator_of({}, CONFIG, truncation)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "config.json: This is not JSON"),
        ("[1]", "config.json: The configuration lacks output_dim"),
        (json.dumps(CONFIG | {"z_dim": "6"}), "config.json: 'z_dim' must be of int. Received: '6'"),
    ],
)
def test_other_files_of_configurations_are_refused(tool, tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        tool.read_config(tmp_path / "config.json")
