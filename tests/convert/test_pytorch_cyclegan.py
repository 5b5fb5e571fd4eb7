"""The converter against the authors' architectures, stated here in PyTorch with their names of parameters."""

import numpy as np
import pytest
from keras import ops

import keras_genzoo as kg
from keras_genzoo.networks import PatchGANDiscriminator, ResNetTranslator, UNetGenerator
from tests import support

torch = pytest.importorskip("torch")
nn = torch.nn

WIDTH = 3


# The architectures. `model` and `conv_block` are names in the files.


class Network(nn.Module):
    def __init__(self, *steps, name="model"):
        super().__init__()
        self.name = name
        setattr(self, name, steps[0] if len(steps) == 1 else nn.Sequential(*steps))

    def forward(self, images):
        return getattr(self, self.name)(images)


class ResidualBlock(nn.Module):
    def __init__(self, *steps):
        super().__init__()
        self.conv_block = nn.Sequential(*steps)

    def forward(self, x):
        return x + self.conv_block(x)


class Skip(nn.Module):
    """The authors' leaky ReLU works in place: what is joined has been through it. The ReLU behind hides that."""

    def __init__(self, *steps):
        super().__init__()
        self.model = nn.Sequential(nn.LeakyReLU(0.2, inplace=True), *steps)

    def forward(self, x):
        return torch.cat([x, self.model(x)], dim=1)


def norm(normalization, channels):
    kind = nn.BatchNorm2d if normalization == "batch" else nn.InstanceNorm2d
    return kind(channels)


def torch_resnet(blocks, normalization, dropout=False, channels=2, output_channels=3):
    bias, inner = normalization == "instance", 4 * WIDTH

    def padded(source, target, size, bias=bias):
        return [nn.ReflectionPad2d(size // 2), nn.Conv2d(source, target, size, bias=bias)]

    def active(target):
        return [norm(normalization, target), nn.ReLU()]

    steps = [*padded(channels, WIDTH, 7), *active(WIDTH)]
    for source in (WIDTH, 2 * WIDTH):
        steps += [nn.Conv2d(source, 2 * source, 3, 2, 1, bias=bias), *active(2 * source)]
    for _ in range(blocks):
        noise = [nn.Dropout(0.5)] if dropout else []
        first = [*padded(inner, inner, 3), *active(inner), *noise]
        steps.append(ResidualBlock(*first, *padded(inner, inner, 3), norm(normalization, inner)))
    for source in (inner, inner // 2):
        up = nn.ConvTranspose2d(source, source // 2, 3, 2, 1, output_padding=1, bias=bias)
        steps += [up, *active(source // 2)]
    return Network(*steps, *padded(WIDTH, output_channels, 7, bias=True), nn.Tanh())


def torch_unet(levels, normalization, dropout=False, channels=2, output_channels=3):
    bias = normalization == "instance"
    widths = [WIDTH * min(2**level, 8) for level in range(levels)]

    def down(source, target):
        return nn.Conv2d(source, target, 4, 2, 1, bias=bias)

    def up(source, target):
        return [
            nn.ReLU(),
            nn.ConvTranspose2d(source, target, 4, 2, 1, bias=bias),
            norm(normalization, target),
        ]

    last, before = widths[-1], widths[-2]
    block = Skip(down(before, last), *up(last, before))
    for level in range(levels - 2, 0, -1):
        outer, inner = widths[level - 1], widths[level]
        noise = [nn.Dropout(0.5)] if dropout and level >= 4 else []
        ends = norm(normalization, inner), block
        block = Skip(down(outer, inner), *ends, *up(2 * inner, outer), *noise)
    last_step = nn.ConvTranspose2d(2 * WIDTH, output_channels, 4, 2, 1)
    return Network(Network(down(channels, WIDTH), block, nn.ReLU(), last_step, nn.Tanh()))


def torch_patchgan(layers, normalization, channels=5):
    bias = normalization == "instance"
    steps, source = [nn.Conv2d(channels, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2)], WIDTH
    for level in range(1, layers + 1):
        target = WIDTH * min(2**level, 8)
        stride = 1 if level == layers else 2
        steps += [nn.Conv2d(source, target, 4, stride, 1, bias=bias), norm(normalization, target)]
        steps += [nn.LeakyReLU(0.2)]
        source = target
    return Network(*steps, nn.Conv2d(source, 1, 4, 1, 1))


def torch_pixel(normalization, channels=5):
    bias = normalization == "instance"
    first = [nn.Conv2d(channels, WIDTH, 1), nn.LeakyReLU(0.2)]
    second = [nn.Conv2d(WIDTH, 2 * WIDTH, 1, bias=bias), norm(normalization, 2 * WIDTH), nn.LeakyReLU(0.2)]
    return Network(*first, *second, nn.Conv2d(2 * WIDTH, 1, 1, bias=bias), name="net")


def with_random_weights(network, seed=0):
    """Every parameter and statistic random, activations of about one."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor, mean, deviation):
        tensor.data.normal_(mean, deviation, generator=generator)

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            draw(module.weight, 0.0, module.weight[0].numel() ** -0.5)
            if module.bias is not None:
                draw(module.bias, 0.0, 0.3)
        elif isinstance(module, nn.BatchNorm2d):
            for tensor, mean in ((module.weight, 1.0), (module.bias, 0.0), (module.running_mean, 0.0)):
                draw(tensor, mean, 0.3)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    return network.eval()


def outputs_of(torch_network, network, images):
    with torch.no_grad():
        expected = torch_network(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    actual = ops.convert_to_numpy(network(ops.convert_to_tensor(images), training=False))
    return actual, expected.numpy().transpose(0, 2, 3, 1)


def assert_same(torch_network, network, side):
    images = support.toy_images(1, (side, side, network.input_shape[-1]))
    actual, expected = outputs_of(torch_network, network, images)
    # A hundred times the tolerance: nothing agrees by being constant.
    assert expected.std() > 1e-2
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def save(network, path, state=None):
    torch.save(network.state_dict() if state is None else state, path)
    return str(path)


def converted(tool, path):
    def network_with_weights(state):
        network = tool.network_of(state)
        network.set_weights(tool.convert(state, network))
        return network

    return tool.converted(path, network_with_weights)


NETWORKS = {
    f"{name}_{normalization}": (make, normalization, side)
    for normalization in ("batch", "instance")
    for name, make, side in (
        ("resnet_9blocks", lambda norm: torch_resnet(9, norm), 32),
        ("resnet_6blocks", lambda norm: torch_resnet(6, norm), 32),
        ("resnet_6blocks_dropout", lambda norm: torch_resnet(6, norm, dropout=True), 32),
        ("unet_128", lambda norm: torch_unet(7, norm), 128),
        ("unet_256", lambda norm: torch_unet(8, norm), 256),
        ("unet_256_dropout", lambda norm: torch_unet(8, norm, dropout=True), 256),
        ("basic", lambda norm: torch_patchgan(3, norm), 64),
        ("n_layers_1", lambda norm: torch_patchgan(1, norm), 32),
        ("n_layers_5", lambda norm: torch_patchgan(5, norm), 128),
        ("pixel", torch_pixel, 16),
    )
}


class TestNetworks:
    @pytest.mark.slow_but("resnet_6blocks_instance", "unet_128_batch", "basic_batch", "basic_instance")
    @pytest.mark.parametrize("name", NETWORKS)
    def test_give_the_output_of_pytorch(self, tool, tmp_path, name):
        make, normalization, side = NETWORKS[name]
        torch_network = with_random_weights(make(normalization))
        network = converted(tool, save(torch_network, tmp_path / "net.pth"))
        assert_same(torch_network, network, side)
        config = network.get_config()
        assert (config["width"], config["normalization"]) == (WIDTH, normalization)
        if "resnet" in name:
            assert config["dropout"] == (0.5 if "dropout" in name else 0.0)

    @pytest.mark.parametrize(
        ("make", "ours", "arguments"),
        [
            (lambda: torch_unet(8, "instance"), UNetGenerator, {"image_shape": (256, 256, 2)}),
            (lambda: torch_resnet(9, "instance"), ResNetTranslator, {"channels": 2, "num_blocks": 9}),
        ],
        ids=["unet", "resnet"],
    )
    def test_have_as_many_parameters_as_ours(self, make, ours, arguments):
        network = ours(output_channels=3, width=WIDTH, normalization="instance", **arguments)
        count = sum(parameter.numel() for parameter in make().parameters())
        assert network.count_params() == count


class TestFiles:
    def test_of_several_gpus(self, tool, tmp_path):
        torch_network = with_random_weights(torch_patchgan(3, "batch"))
        save(nn.DataParallel(torch_network), tmp_path / "net.pth")
        assert_same(torch_network, converted(tool, tmp_path / "net.pth"), 64)

    def test_with_the_statistics_that_old_ones_have_of_instance_normalisation(self, tool, tmp_path):
        torch_network = with_random_weights(torch_resnet(6, "instance"))
        state = torch_network.state_dict()
        for name, module in torch_network.named_modules():
            if isinstance(module, nn.InstanceNorm2d):
                state[f"{name}.running_mean"] = torch.full((module.num_features,), 5.0)
                state[f"{name}.running_var"] = torch.full((module.num_features,), 7.0)
                state[f"{name}.num_batches_tracked"] = torch.tensor(9)
        save(None, tmp_path / "net.pth", state)
        assert_same(torch_network, converted(tool, tmp_path / "net.pth"), 32)

    def test_in_half_precision_and_in_the_old_format(self, tool, tmp_path):
        torch_network = with_random_weights(torch_patchgan(3, "instance")).half().float()
        state = {key: value.half() for key, value in torch_network.state_dict().items()}
        torch.save(state, tmp_path / "net.pth", _use_new_zipfile_serialization=False)
        assert_same(torch_network, converted(tool, tmp_path / "net.pth"), 64)

    @pytest.mark.parametrize("content", [b"", b"no pickle at all", b"PK\x03\x04 half an archive"])
    def test_that_are_something_else_are_refused(self, read_state, tmp_path, content):
        (tmp_path / "net.pth").write_bytes(content)
        with pytest.raises(
            ValueError, match=r"not a file of weights.*torch.save\(network.state_dict\(\), path\)"
        ):
            read_state(tmp_path / "net.pth")

    def test_of_a_whole_network_run_no_code(self, read_state, tmp_path):
        torch.save(torch_pixel("batch"), tmp_path / "net.pth")
        with pytest.raises(ValueError, match=r"not a file of weights"):
            read_state(tmp_path / "net.pth")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ([torch.zeros(2)], "must hold a state dictionary, but holds a list"),
            ({}, "must hold a state dictionary, but holds a dict"),
            ({"epoch": 3}, r"names and tensors, but the file holds 'epoch': int"),
            ({"state_dict": {"net.0.weight": torch.zeros(2)}}, r"the file holds 'state_dict': dict"),
        ],
    )
    def test_without_a_state_dictionary_are_refused(self, read_state, tmp_path, content, message):
        save(None, tmp_path / "net.pth", content)
        with pytest.raises(ValueError, match=message):
            read_state(tmp_path / "net.pth")


class TestKeys:
    def state(self, network=None):
        network = torch_patchgan(3, "batch") if network is None else network
        return {key: value.numpy() for key, value in network.state_dict().items()}

    def test_of_another_network_are_refused(self, tool):
        with pytest.raises(
            ValueError, match=r"none of the networks unet, resnet.*Received: features.0.weight"
        ):
            tool.network_of({"features.0.weight": np.zeros((8, 3, 3, 3))})

    def test_missing_are_named(self, tool):
        network = tool.network_of(self.state())
        state = self.state()
        del state["model.3.running_var"]
        with pytest.raises(
            ValueError, match=r"lacks 'model.3.running_var', needed for 'norm_2' of 'discriminator'"
        ):
            tool.convert(state, network)

    def test_left_over_are_named(self, tool):
        network = tool.network_of(self.state())
        state = {**self.state(), "model.12.weight": np.zeros(3)}
        with pytest.raises(ValueError, match=r"keys that 'discriminator' has no layers for: model.12.weight"):
            tool.convert(state, network)

    def test_of_another_shape_are_named(self, tool):
        with pytest.raises(
            ValueError, match=r"'model.0.weight' has the shape \(3, 5, 4, 4\).*kernel of \(4, 4, 5, 2\)"
        ):
            tool.convert(self.state(), PatchGANDiscriminator(5, 2))

    def test_without_normalisation_are_refused(self, tool):
        state = self.state(torch_resnet(6, "batch"))
        for name, module in torch_resnet(6, "batch").named_modules():
            if isinstance(module, nn.BatchNorm2d):
                for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                    del state[f"{name}.{part}"]
        with pytest.raises(ValueError, match=r"lacks 'model.2.weight'"):
            tool.convert(state, tool.network_of(state))

    def test_half_a_generator_is_refused(self, tool):
        state = self.state(torch_resnet(6, "instance"))
        for key in ("model.23.weight", "model.23.bias"):
            del state[key]
        with pytest.raises(ValueError, match=r"lacks the kernel model.23.weight"):
            tool.network_of(state)


class TestPresets:
    @pytest.mark.slow
    def test_pix2pix(self, tool, tmp_path):
        generator = with_random_weights(torch_unet(7, "batch", dropout=True))
        discriminator = with_random_weights(torch_patchgan(3, "batch"), seed=1)
        arguments = [
            *("--generator", save(generator, tmp_path / "latest_net_G.pth")),
            *("--discriminator", save(discriminator, tmp_path / "latest_net_D.pth")),
        ]
        assert tool.main(["pix2pix", str(tmp_path / "preset"), *arguments]) == 0
        model = kg.models.load(tmp_path / "preset")
        assert isinstance(model, kg.models.Pix2Pix) and model.image_shape == (128, 128, 3)
        assert model.source_channels == 2 and not model.sampling_dropout
        config = model.generator.get_config()
        assert (config["dropout"], config["dropout_blocks"]) == (0.5, "reference")
        assert_same(generator, model.generator, 128)
        assert_same(discriminator, model.discriminator, 64)
        assert model.translate(support.toy_images(1, (128, 128, 2))).shape == (1, 128, 128, 3)
        description = kg.presets.metadata(tmp_path / "preset")["description"]
        assert "generator from latest_net_G.pth" in description and "Not trained" not in description

    @pytest.mark.slow
    def test_pix2pix_without_a_discriminator_and_with_noise(self, tool, tmp_path):
        path = save(with_random_weights(torch_unet(7, "batch")), tmp_path / "latest_net_G.pth")
        arguments = ["pix2pix", str(tmp_path / "preset"), "--generator", path, "--sampling-dropout"]
        assert tool.main(arguments) == 0
        assert kg.models.load(tmp_path / "preset").sampling_dropout
        description = kg.presets.metadata(tmp_path / "preset")["description"]
        assert "Not trained: discriminator." in description

    @pytest.mark.slow
    def test_cyclegan(self, tool, tmp_path):
        makers = {
            "G_A": lambda: torch_resnet(6, "instance", channels=3),
            "G_B": lambda: torch_resnet(6, "instance", channels=3),
            "D_A": lambda: torch_patchgan(3, "instance", channels=3),
            "D_B": lambda: torch_patchgan(3, "instance", channels=3),
        }
        networks = {name: with_random_weights(make(), i) for i, (name, make) in enumerate(makers.items())}
        files = {name: save(net, tmp_path / f"latest_net_{name}.pth") for name, net in networks.items()}
        arguments = [
            *("--generator-a-to-b", files["G_A"], "--generator-b-to-a", files["G_B"]),
            # The authors' D_A judges what G_A makes: images of domain B.
            *("--discriminator-a", files["D_B"], "--discriminator-b", files["D_A"], "--image-size", "64"),
        ]
        assert tool.main(["cyclegan", str(tmp_path / "preset"), *arguments]) == 0
        model = kg.models.load(tmp_path / "preset")
        assert isinstance(model, kg.models.CycleGAN) and model.image_shape == (64, 64, 3)
        images = support.toy_images(1, (32, 32, 3))
        for direction, name in (("a_to_b", "G_A"), ("b_to_a", "G_B")):
            _, expected = outputs_of(networks[name], model.translator(direction), images)
            np.testing.assert_allclose(model.translate(images, direction), expected, atol=1e-4)
        assert_same(networks["D_B"], model.discriminator_a, 64)
        assert_same(networks["D_A"], model.discriminator_b, 64)

    @pytest.mark.parametrize(
        ("extra", "message"),
        [
            (["--generator", "missing.pth"], "missing.pth"),
            (["--generator", "D.pth"], "D.pth holds a PatchGANDiscriminator, which cannot be the generator."),
            (["--generator", "bad.pth"], "bad.pth: This is not a file of weights"),
            (["--generator", "G.pth", "--discriminator", "G.pth"], "cannot be the discriminator."),
            (["--generator", "G.pth", "--sampling-dropout"], "needs a generator with dropout"),
        ],
    )
    def test_bad_files_write_nothing(self, tool, tmp_path, monkeypatch, capsys, extra, message):
        monkeypatch.chdir(tmp_path)
        save(with_random_weights(torch_resnet(0, "instance")), tmp_path / "G.pth")
        save(torch_patchgan(3, "batch"), tmp_path / "D.pth")
        (tmp_path / "bad.pth").write_text("bad")
        assert tool.main(["pix2pix", "preset", *extra]) == 1
        assert message in capsys.readouterr().err
        assert not (tmp_path / "preset").exists()
