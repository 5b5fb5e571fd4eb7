"""The growth schedule: where training stands after a number of images, and the batches it takes."""

import json

import numpy as np
import pytest
from keras import ops

from keras_genzoo.growth import GrowthSchedule
from tests import support


def test_the_papers_schedule():
    schedule = GrowthSchedule(9)
    assert len(schedule.phases) == 1 + 2 * 8
    # 800,000 images at 4x4, then as many for each fade and each stay: 17 times.
    assert schedule.num_images == 17 * 800_000
    assert [(phase.level, phase.fading) for phase in schedule.phases[:4]] == [
        (0, False),
        (1, True),
        (1, False),
        (2, True),
    ]


def test_values_a_level():
    schedule = GrowthSchedule(
        3,
        fading_images=[1, 20, 40],
        stabilizing_images=[10, 20, 30],
        batch_size=[10, 5, 2],
        learning_rate=[0.1, 0.2, 0.3],
    )
    # Level, fading, first image, images, first step, steps, batch size, learning rate.
    assert [tuple(vars(phase).values()) for phase in schedule.phases] == [
        (0, False, 0, 10, 0, 1, 10, 0.1),
        (1, True, 10, 20, 1, 4, 5, 0.2),
        (1, False, 30, 20, 5, 4, 5, 0.2),
        (2, True, 50, 40, 9, 20, 2, 0.3),
        (2, False, 90, 30, 29, 15, 2, 0.3),
    ]
    assert (schedule.num_images, schedule.num_steps) == (120, 44)


def test_phases_are_whole_executions():
    schedule = GrowthSchedule(2, fading_images=21, stabilizing_images=1, batch_size=4, steps_per_execution=3)
    assert [phase.num_steps for phase in schedule.phases] == [3, 6, 3]
    assert [phase.num_images for phase in schedule.phases] == [12, 24, 12]


def test_phase_at_and_alpha():
    schedule = GrowthSchedule(2, fading_images=100, stabilizing_images=100, batch_size=10)
    expected = {0: (0, None), 99: (0, None), 100: (1, 0.0), 110: (1, 0.1), 199: (1, 0.99), 200: (1, None)}
    expected[10**6] = (1, None)
    for images_seen, (level, alpha) in expected.items():
        phase = schedule.phase_at(images_seen)
        assert phase.level == level
        if alpha is None:
            assert phase.alpha(images_seen) is None
        else:
            assert float(phase.alpha(images_seen)) == pytest.approx(alpha)
    fade = schedule.phase_at(100)
    assert float(fade.alpha(ops.convert_to_tensor(150))) == pytest.approx(0.5)
    assert float(fade.alpha(99)) == 0 and float(fade.alpha(300)) == 1


def test_config_survives_json():
    schedule = GrowthSchedule(2, [1, 20], 30, (4, 2), 1e-3, 2)
    again = GrowthSchedule.from_config(json.loads(json.dumps(schedule.get_config())))
    assert again.phases == schedule.phases
    assert again.get_config() == json.loads(json.dumps(schedule.get_config()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_levels": 0}, "`num_levels`"),
        ({"num_levels": 2, "fading_images": 0}, "`fading_images` must be at least 1"),
        ({"num_levels": 2, "batch_size": [4]}, "`batch_size` .* each of the 2 levels"),
        ({"num_levels": 2, "learning_rate": [0.1, -1]}, "`learning_rate`"),
        ({"num_levels": 2, "steps_per_execution": 0}, "`steps_per_execution`"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        GrowthSchedule(**arguments)


class TestBatches:
    def _schedule(self):
        return GrowthSchedule(3, fading_images=[1, 8, 4], stabilizing_images=[8, 4, 4], batch_size=[8, 4, 2])

    def _batches(self, **arguments):
        tf = pytest.importorskip("tensorflow")

        def load(batch_size, initial_step):
            numbers = tf.data.Dataset.counter(initial_step * batch_size)
            return numbers.batch(batch_size, drop_remainder=True)

        return self._schedule().batches(load, **arguments)

    def test_sizes_follow_the_phases(self):
        sizes = [len(batch) for batch in self._batches()]
        assert sizes == [8] + [4] * 3 + [2] * 4
        assert len(self._batches()) == self._schedule().num_steps == len(sizes)

    @pytest.mark.slow_but("0", "7")
    @pytest.mark.parametrize("step", [0, 1, 2, 3, 7, 8, 11])
    def test_begin_at_any_step(self, step):
        """From any step on, the batches are those of the whole; the last phase goes on."""
        whole = [batch.numpy() for batch in self._batches(initial_step=0).take(14)]
        rest = [batch.numpy() for batch in self._batches(initial_step=step).take(14 - step)]
        assert len(rest) == 14 - step
        for expected, actual in zip(whole[step:], rest, strict=True):
            np.testing.assert_array_equal(actual, expected)

    def test_partial_batches_are_refused(self):
        tf = pytest.importorskip("tensorflow")

        def load(batch_size, initial_step):
            return tf.data.Dataset.range(20).batch(batch_size)

        with pytest.raises(
            ValueError, match="`make_dataset` must return batches of exactly `batch_size` images, here 8"
        ):
            self._schedule().batches(load)

    def test_of_a_data_set_of_images(self):
        from functools import partial

        from keras_genzoo import datasets

        pytest.importorskip("tensorflow")
        load = partial(datasets.from_arrays, support.toy_images(16), seed=1)
        shapes = [batch.shape for batch in self._schedule().batches(load)]
        assert shapes[0] == (8, 8, 8, 1) and shapes[-1] == (2, 8, 8, 1)
