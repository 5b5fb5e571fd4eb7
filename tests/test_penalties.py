"""Each penalty on critics whose gradient norm is known, and against a restatement in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, networks, penalties

REAL = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
FAKE = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
PENALTIES = {
    "two_sided": penalties.WassersteinGradientPenalty,
    "one_sided": lambda weight=10.0: penalties.WassersteinGradientPenalty(weight, 0.3, one_sided=True),
    "r1": penalties.R1,
    "r2": penalties.R2,
    "dragan": penalties.DRAGAN,
}


def _penalty(penalty, critic, real=REAL, fake=FAKE, seed=0):
    return penalty(
        critic, ops.convert_to_tensor(real), ops.convert_to_tensor(fake), backends.SeedGenerator(seed)
    )


def _linear(*w):
    """Gradient `w` everywhere."""
    return lambda x: ops.matmul(x, ops.convert_to_tensor(np.array(w, "float32")[:, None]))


def _half_square(x):
    """Gradient `x`."""
    return 0.5 * ops.sum(ops.square(x), axis=tuple(range(1, len(x.shape))))


@pytest.fixture
def points(monkeypatch):
    """List of the batches at which a penalty has asked for the critic's gradient."""
    asked = []
    original = backends.input_value_and_grad

    def recording(function, inputs, **arguments):
        asked.append(keras.tree.map_structure(ops.convert_to_numpy, inputs))
        return original(function, inputs, **arguments)

    monkeypatch.setattr(backends, "input_value_and_grad", recording)
    return asked


class TestLinearCritic:
    """`D(x) = x w` with `|w| = 7` (2, 3, 6): the points do not matter."""

    @pytest.mark.parametrize(
        ("penalty", "expected"),
        [
            (penalties.WassersteinGradientPenalty(), 10 * (7 - 1) ** 2),
            (penalties.WassersteinGradientPenalty(weight=0.5), 0.5 * (7 - 1) ** 2),
            (penalties.WassersteinGradientPenalty(weight=2, target=0), 2 * 7**2),
            (penalties.WassersteinGradientPenalty(weight=2, target=10), 2 * (10 - 7) ** 2),
            (penalties.WassersteinGradientPenalty(one_sided=True), 10 * (7 - 1) ** 2),
            (penalties.WassersteinGradientPenalty(target=10, one_sided=True), 0),
            (penalties.R1(weight=3), 3 / 2 * 7**2),
            (penalties.R2(weight=3), 3 / 2 * 7**2),
            (penalties.DRAGAN(), 10 * (7 - 1) ** 2),
            (penalties.DRAGAN(weight=2, target=10), 2 * (10 - 7) ** 2),
            (penalties.R1(weight=0), 0),
        ],
    )
    def test_value(self, penalty, expected):
        assert float(_penalty(penalty, _linear(2, 3, 6))) == pytest.approx(expected, rel=1e-6)

    def test_an_image_has_one_norm(self):
        """Over all its pixels and channels."""
        images = np.zeros((4, 2, 3, 2), "float32")
        value = _penalty(
            penalties.WassersteinGradientPenalty(), lambda x: 2 * ops.sum(x, (1, 2, 3)), images, images
        )
        assert float(value) == pytest.approx(10 * (2 * np.sqrt(12) - 1) ** 2, rel=1e-6)

    def test_a_critic_may_return_a_column_or_a_map(self):
        images = np.zeros((4, 2, 2, 1), "float32")
        for critic in (
            lambda x: ops.sum(x, (1, 2, 3)),
            lambda x: ops.sum(x, (1, 2, 3))[:, None],
            lambda x: x,
        ):
            assert float(_penalty(penalties.R1(2), critic, images)) == pytest.approx(4)


class TestPoints:
    """Where the gradient is taken: `D(x) = |x|^2 / 2` has the norm `|x|`."""

    def test_r1_is_on_the_real_samples(self):
        expected = 5 / 2 * (REAL**2).sum(1).mean()
        assert float(_penalty(penalties.R1(weight=5), _half_square)) == pytest.approx(expected, rel=1e-6)

    def test_r2_is_on_the_generated_samples(self):
        expected = 5 / 2 * (FAKE**2).sum(1).mean()
        assert float(_penalty(penalties.R2(weight=5), _half_square)) == pytest.approx(expected, rel=1e-6)

    def test_shares_of_the_line_are_uniform(self):
        """Between 0 and `a` the norm is `share |a|`: moments 1/2 and 1/3."""
        num, a = 20_000, np.array([2.0, 3.0, 6.0])
        real, fake = np.zeros((num, 3), "float32"), np.tile(a, (num, 1)).astype("float32")
        second = float(_penalty(penalties.WassersteinGradientPenalty(1, target=0), _half_square, real, fake))
        # (share 7 - 7)^2 = 49 (1 - 2 share + share^2)
        about_7 = float(_penalty(penalties.WassersteinGradientPenalty(1, target=7), _half_square, real, fake))
        first = (1 + second / 49 - about_7 / 49) / 2
        assert first == pytest.approx(1 / 2, abs=0.01)
        assert second / 49 == pytest.approx(1 / 3, abs=0.01)

    def test_each_pair_has_one_share_and_each_another(self, points):
        rng = np.random.default_rng(2)
        real, fake = (rng.uniform(-1, 1, (50, 4, 3, 2)).astype("float32") for _ in range(2))
        _penalty(penalties.WassersteinGradientPenalty(), _half_square, real, fake)
        # The point that the share of the first pixel gives, at every pixel.
        shares = (points[0] - real)[:, :1, :1, :1] / (fake - real)[:, :1, :1, :1]
        np.testing.assert_allclose(points[0], real + shares * (fake - real), atol=1e-4)
        assert shares.min() >= -1e-4 and shares.max() <= 1 + 1e-4
        assert len(np.unique(shares.round(5))) == 50

    def test_dragan_s_box(self, points):
        real = np.random.default_rng(2).normal(3, 2, (200, 5, 5, 1)).astype("float32")
        _penalty(penalties.DRAGAN(scale=0.25), _half_square, real, real + 100)
        moved = (points[0] - real) / (0.25 * real.std())
        assert moved.min() > -1e-4 and moved.max() < 1 + 1e-4
        # The product of two uniform variables, one of which is common to a sample's values.
        assert moved.mean() == pytest.approx(1 / 4, abs=0.03)
        assert np.square(moved).mean() == pytest.approx(1 / 9, abs=0.02)
        shares = 2 * moved.mean((1, 2, 3))
        assert shares.std() == pytest.approx(np.sqrt(1 / 12), abs=0.04)
        noise = moved / shares[:, None, None, None]
        assert noise.std() == pytest.approx(np.sqrt(1 / 12), abs=0.03)

    @pytest.mark.parametrize("name", ["two_sided", "dragan"])
    def test_change_from_call_to_call_and_follow_the_seed(self, points, name):
        penalty, seed = PENALTIES[name](), backends.SeedGenerator(3)
        for _ in range(2):
            penalty(_half_square, ops.convert_to_tensor(REAL), ops.convert_to_tensor(FAKE), seed)
        _penalty(penalty, _half_square, seed=3)
        assert (points[0] != points[1]).any()
        np.testing.assert_array_equal(points[0], points[2])


def _formula(name, norms):
    """The penalties of weight 10, as the papers write them."""
    if name in ("r1", "r2"):
        return 10 / 2 * np.mean(norms**2)
    if name == "one_sided":
        return 10 * np.mean(np.maximum(norms - 0.3, 0) ** 2)
    return 10 * np.mean((norms - 1) ** 2)


@pytest.mark.parametrize("name", PENALTIES)
def test_gradient_by_the_critic_s_parameters(name, points):
    """`D(x) = tanh(x W + b) v`: the penalty in float64, and its central differences."""
    rng = np.random.default_rng(4)
    values = [rng.normal(size=shape) for shape in ((3, 4), (4,), (4, 1))]
    variables = [keras.Variable(value.astype("float32")) for value in values]

    def critic(x):
        kernel, bias, direction = (variable.value for variable in variables)
        return ops.matmul(ops.tanh(ops.matmul(x, kernel) + bias), direction)

    value, gradients = backends.value_and_grad(lambda: _penalty(PENALTIES[name](), critic), variables)

    def restated(kernel, bias, direction):
        hidden = np.tanh(points[0].astype("float64") @ kernel + bias)
        slopes = ((1 - hidden**2) * direction[:, 0]) @ kernel.T
        return _formula(name, np.sqrt((slopes**2).sum(1)))

    assert float(value) == pytest.approx(restated(*values), rel=1e-5)
    for index, gradient in enumerate(gradients):
        expected = np.zeros_like(values[index])
        for place in np.ndindex(expected.shape):
            ends = [[value.copy() for value in values] for _ in range(2)]
            for end, step in zip(ends, (1e-5, -1e-5), strict=True):
                end[index][place] += step
            expected[place] = (restated(*ends[0]) - restated(*ends[1])) / 2e-5
        np.testing.assert_allclose(ops.convert_to_numpy(gradient), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_critic_without_slope_has_a_finite_derivative(name):
    w = keras.Variable(np.zeros((3, 1), "float32"))
    value, (gradient,) = backends.value_and_grad(
        lambda: _penalty(PENALTIES[name](), lambda x: ops.matmul(x, w.value)), [w]
    )
    assert float(value) == pytest.approx(_formula(name, np.zeros(6)), abs=1e-4)
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


class TestPrecision:
    @pytest.mark.parametrize("name", PENALTIES)
    def test_norms_of_bfloat16_samples_are_float32(self, name):
        """1000 squares of 1 have no room in the 8 bits of a bfloat16."""
        samples = ops.cast(ops.zeros((2, 1000)), "bfloat16")
        value = PENALTIES[name]()(lambda x: ops.sum(x, 1), samples, samples, backends.SeedGenerator(0))
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        assert float(value) == pytest.approx(_formula(name, np.full(2, np.sqrt(1000))), rel=1e-5)

    @pytest.mark.parametrize("name", PENALTIES)
    def test_real_and_generated_samples_may_differ_in_precision(self, name):
        """A generator of mixed precision may return bfloat16."""
        real, fake = ops.convert_to_tensor(REAL), ops.cast(FAKE, "bfloat16")
        value = PENALTIES[name]()(_half_square, real, fake, backends.SeedGenerator(0))
        assert float(value) == pytest.approx(float(_penalty(PENALTIES[name](), _half_square)), rel=0.02)

    @pytest.mark.slow_but("r2")
    @pytest.mark.parametrize("name", [name for name in PENALTIES if name != "one_sided"])
    def test_of_a_critic_of_mixed_precision(self, name):
        full = networks.StridedCritic((8, 8, 1), 2)
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            mixed = networks.StridedCritic((8, 8, 1), 2)
        finally:
            keras.config.set_dtype_policy("float32")
        mixed.set_weights(full.get_weights())
        images = [
            np.random.default_rng(seed).uniform(-1, 1, (4, 8, 8, 1)).astype("float32") for seed in (0, 1)
        ]
        value, expected = (_penalty(PENALTIES[name](), critic, *images) for critic in (mixed, full))
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        assert float(value) == pytest.approx(float(expected), rel=0.05)


class TestConfig:
    @pytest.mark.parametrize(
        "penalty",
        [
            penalties.WassersteinGradientPenalty(5.0, target=2.0, one_sided=True),
            penalties.R1(3.0),
            penalties.R2(4.0),
            penalties.DRAGAN(6.0, target=0.5, scale=0.1),
        ],
        ids=lambda penalty: type(penalty).__name__,
    )
    def test_round_trip(self, penalty):
        again = penalties.get(keras.saving.serialize_keras_object(penalty))
        assert type(again) is type(penalty)
        assert vars(again) == vars(penalty)

    def test_get_leaves_objects_and_none_as_they_are(self):
        penalty = penalties.R1()
        assert penalties.get(penalty) is penalty
        assert penalties.get(None) is None

    def test_defaults_are_the_papers(self):
        assert vars(penalties.WassersteinGradientPenalty()) == {"weight": 10, "target": 1, "one_sided": False}
        assert vars(penalties.DRAGAN()) == {"weight": 10, "target": 1, "scale": 0.5}
        assert (penalties.R1().weight, penalties.R2().weight) == (10, 10)


@pytest.mark.parametrize("name", ["wasserstein", "r1", "r2", "dragan"])
def test_names_stand_for_the_defaults(name):
    by_class = {
        "wasserstein": penalties.WassersteinGradientPenalty,
        "r1": penalties.R1,
        "r2": penalties.R2,
        "dragan": penalties.DRAGAN,
    }[name]
    assert type(penalties.get(name)) is by_class
    assert vars(penalties.get(name)) == vars(by_class())


def test_a_list_of_inputs_has_the_mean_of_their_penalties():
    """D = 3 sum(a) + 0.5 sum(b): the norms are 3 sqrt(4) and 0.5 sqrt(16)."""
    small, large = ops.ones((2, 2, 2)), ops.ones((2, 4, 4))

    def critic(inputs):
        return 3.0 * ops.sum(inputs[0], axis=(1, 2)) + 0.5 * ops.sum(inputs[1], axis=(1, 2))

    def value(penalty):
        fakes = [-small, -large]
        return float(penalty(critic, [small, large], fakes, keras.random.SeedGenerator(0)))

    assert value(penalties.R1(2.0)) == pytest.approx((6**2 + 2**2) / 2)
    assert value(penalties.R2(2.0)) == pytest.approx((6**2 + 2**2) / 2)
    for penalty in (penalties.WassersteinGradientPenalty(2.0), penalties.DRAGAN(2.0)):
        assert value(penalty) == pytest.approx(2.0 * (5**2 + 1**2) / 2)


def test_points_of_a_list_are_one_sample_at_all_sizes(points):
    rng = np.random.default_rng(2)
    real, fake = ([rng.normal(size=(3, n, n)).astype("float32") for n in (2, 4)] for _ in range(2))

    def critic(inputs):
        return sum(ops.sum(x, axis=(1, 2)) for x in inputs)

    penalties.WassersteinGradientPenalty()(critic, real, fake, keras.random.SeedGenerator(0))
    shares = [(p - r) / (f - r) for p, r, f in zip(points[0], real, fake, strict=True)]
    assert np.ptp(shares[0][:, 0, 0]) > 0.01
    for share in shares:
        np.testing.assert_allclose(share, np.broadcast_to(shares[0][:, :1, :1], share.shape), atol=1e-3)


@pytest.mark.parametrize("unknown", ["r3", 10.0, penalties.R1])
def test_what_is_no_penalty_is_refused(unknown):
    with pytest.raises(
        ValueError, match=r"`penalty` must be one of .* an object of `keras_genzoo.penalties`"
    ):
        penalties.get(unknown)


def test_negative_weight_is_refused():
    for penalty in (penalties.WassersteinGradientPenalty, penalties.R1, penalties.R2, penalties.DRAGAN):
        with pytest.raises(ValueError, match=r"`weight` must be at least 0. Received: weight=-1"):
            penalty(weight=-1)
