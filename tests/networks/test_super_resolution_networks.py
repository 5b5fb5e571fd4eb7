"""The networks of super-resolution: the papers' numbers, any size, and what a pixel depends on."""

import numpy as np
import pytest
from keras import ops

from keras_genzoo import layers, networks
from tests import support

GENERATORS = {
    "SRResNet": lambda scale: networks.SRResNet(3, scale, width=2, num_blocks=1),
    "RRDB": lambda scale: networks.RRDBSuperResolver(3, scale, width=4, growth=2, num_blocks=1),
    "compact": lambda scale: networks.CompactSuperResolver(3, scale, width=2, num_layers=2),
}


class TestNumbers:
    @pytest.mark.parametrize(
        ("make", "expected"),
        [
            (lambda: networks.SRResNet(3), 1_549_462),
            (lambda: networks.RRDBSuperResolver(3, num_blocks=6), 4_467_779),
            (lambda: networks.CompactSuperResolver(3), 621_424),
            (lambda: networks.CompactSuperResolver(3, num_layers=32), 1_213_296),
            (lambda: networks.CroppedDiscriminator((96, 96, 3)), 23_565_505),
            (lambda: networks.CroppedDiscriminator((128, 128, 3)), 38_245_569),
            (lambda: networks.VGGDiscriminator((128, 128, 3)), 14_499_401),
            (lambda: networks.SpectralUNetDiscriminator(3), 4_376_897),
        ],
    )
    def test_trainable_parameters(self, make, expected):
        assert sum(int(np.prod(variable.shape)) for variable in make().trainable_variables) == expected

    @pytest.mark.slow
    @pytest.mark.parametrize(("scale", "expected"), [(4, 16_697_987), (2, 16_703_171)])
    def test_parameters_of_the_largest(self, scale, expected):
        assert networks.RRDBSuperResolver(3, scale).count_params() == expected


class TestGenerators:
    @pytest.mark.parametrize("scale", [2, 4])
    @pytest.mark.parametrize("name", GENERATORS)
    def test_take_any_size(self, name, scale):
        network = GENERATORS[name](scale)
        for height, width in ((6, 10), (20, 2)):
            shape = support.output_of(network, support.toy_images(2, (height, width, 3))).shape
            assert shape == (2, scale * height, scale * width, 3)

    @pytest.mark.parametrize("scale", [2, 4])
    @pytest.mark.parametrize("name", GENERATORS)
    def test_a_pixel_depends_on_no_more_than_the_receptive_radius(self, name, scale):
        network = support.as_if_trained(GENERATORS[name](scale))
        radius = network.receptive_radius
        image = support.toy_images(1, (4, 2 * radius + 12, 3))
        other = image.copy()
        other[:, :, 0] *= -1
        changed = np.abs(support.output_of(network, image) - support.output_of(network, other)).max((0, 1, 3))
        assert changed[0] > 0
        np.testing.assert_allclose(changed[scale * (radius + 1) :], 0, atol=1e-6)

    def test_the_compact_one_begins_as_the_nearest_pixels(self):
        image = support.toy_images(1, (8, 8, 3))
        nearest = image.repeat(4, axis=1).repeat(4, axis=2)
        assert np.abs(support.output_of(GENERATORS["compact"](4), image) - nearest).mean() < 0.2

    def test_of_other_scales_are_refused(self):
        with pytest.raises(ValueError, match=r"`scale` must be 2 or 4\. Received: scale=3"):
            networks.RRDBSuperResolver(3, 3)


class TestDiscriminators:
    def test_the_u_net_gives_a_logit_for_each_pixel(self):
        network = networks.SpectralUNetDiscriminator(3, 2)
        assert support.output_of(network, support.toy_images(2, (16, 24, 3))).shape == (2, 16, 24, 1)

    def test_vgg_refuses_sizes_that_cannot_be_halved_five_times(self):
        with pytest.raises(ValueError, match=r"multiples of 32. Received: \(48, 64, 3\)"):
            networks.VGGDiscriminator((48, 64, 3))


def test_pixel_shuffle_makes_squares_of_channels():
    x = np.arange(2 * 12, dtype="float32").reshape(1, 1, 2, 12)
    shuffled = ops.convert_to_numpy(layers.PixelShuffle(2)(x))
    assert shuffled.shape == (1, 2, 4, 3)
    # The second pixel's channels 6 to 8 are its square's lower left.
    np.testing.assert_array_equal(shuffled[0, 1, 2], x[0, 0, 1, 6:9])
    np.testing.assert_array_equal(layers.PixelUnshuffle(2)(shuffled), x)
