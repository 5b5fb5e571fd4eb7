"""What every family promises: one test for each promise, asked of a model by its own answers.

The test file of a family names it once, and pytest asks it all that is below:

```python
class TestContract(Contract):
    family = Family(models.EBGAN, make_ebgan, exact=make_exact_ebgan, counts={...}, optimizers={...})
```

Most tests share one model, which is made and trained once. The costly ones compile anew or start processes: they are
in the full tier, and `.ci/run` runs those of one family per base class.
"""

import copy
import dataclasses
import inspect
import json
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from families import (
    Asked,
    Family,
    asked_where,
    costly,
    needs,
    of_each_base,
    of_every_change,
    of_players,
    of_the_step,
)
from keras import ops

from keras_genzoo import backends, losses, modalities, models
from keras_genzoo.callbacks import JSONLines
from keras_genzoo.metrics.measures import MEASURES
from tests import support
from tests.support.answers import (
    answers,
    assert_same_answers,
    labels_for,
    largest_difference,
    plain_answers,
)
from tests.support.bad_data import bad_calls, bad_data
from tests.support.serving import assert_serves
from tests.support.toys import as_float, batched, in_another_type, kinds_of_data, toy_data
from tests.support.training import (
    assert_all_moved,
    assert_one_player_per_variable,
    players_of,
    trainable_values,
    with_sgd,
)

__all__ = ["Contract", "Family"]

# Tolerance of images in [-1, 1] that are computed with the same batch size, and in another way.
ATOL = 1e-5
# With other batch sizes, which sum in another order: less than a hundredth of a gray level.
ATOL_OF_SIZES = 5e-5


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model after an epoch of two steps."""

    model: keras.Model
    data: tuple
    values_before: list
    history: dict[str, Any]


class Contract(Asked):
    """All promises. A subclass sets `family`, a `Family`."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        """A model as made. Tests look at it and leave it as it is."""
        return cls.family.make()

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls):
        """A model trained for an epoch of two steps, eagerly. Tests look at it and leave it as it is.

        `test_the_compiled_step_is_the_eager_one` compares with the compiled step.
        """
        model = cls.family.make()
        data = toy_data(model)
        before = trainable_values(model)
        with support.eagerly():
            history = _fit(model, data)
        return Trained(model, data, before, history)

    # The numbers of the paper.

    @pytest.mark.any_backend
    @asked_where(lambda family: family.counts)
    def test_parameter_counts(self):
        networks = self.family.at_full_size().networks
        assert {name: network.count_params() for name, network in networks.items()} == self.family.counts

    @pytest.mark.any_backend
    def test_default_optimizers(self, model):
        optimizers = model.optimizers
        assert optimizers.keys() == self.family.optimizers.keys()
        for player, (kind, constants) in self.family.optimizers.items():
            assert isinstance(optimizers[player], kind)
            config = optimizers[player].get_config()
            assert {name: config[name] for name in constants} == pytest.approx(constants)
        assert len({id(optimizer) for optimizer in optimizers.values()}) == len(optimizers)
        assert all(optimizer.built for optimizer in optimizers.values())

    def test_chance_level(self, model):
        """The discriminator's loss where it cannot tell: the least of discriminators that say the same of all."""
        if self.family.chance_level is None:
            assert model.chance_level is None
        else:
            assert model.chance_level == pytest.approx(self.family.chance_level, abs=1e-4)
            found = _least_loss_of_equal_logits(self.family.make())
            assert model.chance_level == pytest.approx(found, abs=1e-4)

    @costly
    @asked_where(lambda family: has_option(family.model, "loss"))
    def test_chance_level_of_every_loss(self):
        # Where a drift term moves the least, there is no level.
        options = {"drift": 0.0} if has_option(self.family.model, "drift") else {}
        for loss in LOSSES_WITH_A_LEVEL:
            found = _least_loss_of_equal_logits(self.family.make(loss=loss, **options))
            assert self.family.make(loss=loss, **options).chance_level == pytest.approx(found, abs=1e-4), loss
        assert self.family.make(loss="wasserstein", **options).chance_level is None

    def test_the_adversarial_log_is_one_of_the_logs(self, trained):
        assert trained.model.adversarial_log == self.family.adversarial_log
        assert trained.model.adversarial_log in (None, *trained.history)

    # A training step.

    @of_the_step
    def test_a_step_moves_every_variable(self, trained):
        assert_all_moved(trained.model, trained.values_before)
        assert_one_player_per_variable(trained.model)

    @of_the_step
    def test_logs_are_means_over_the_epoch(self, trained):
        names = [name for name in trained.history if not name.startswith("val_")]
        assert {*names} == {*getattr(trained.model, "loss_names", ("loss", "accuracy"))}
        assert {*trained.history} == {*names, *(f"val_{name}" for name in names)}
        assert all(np.isfinite(values).all() for values in trained.history.values()), trained.history
        # Otherwise `fit` would log the last batch's value.
        trackers = {tracker.name for tracker in trained.model.metrics}
        assert not players_of(trained.model) or trackers >= {*names}

    @of_every_change
    @pytest.mark.tensorflow
    def test_the_compiled_step_is_the_eager_one(self, trained):
        _assert_same_logs(_fit(self.family.make(), trained.data), trained.history)

    @costly
    def test_every_option_trains(self, variant):
        support.check_training_step(variant, toy_data(variant()))

    @of_each_base
    def test_the_seed_makes_a_run_repeatable(self):
        first, second = (self.family.random() for _ in range(2))
        for model in (first, second):
            model.fit(*toy_data(model), batch_size=8, shuffle=False, verbose=0)
        support.assert_same_state(support.state_of(first), support.state_of(second))

    @costly
    def test_images_of_uint8_train_as_their_floats(self):
        states = []
        for convert in (tuple, as_float):
            model = with_sgd(self.family.make)
            model.train_on_batch(*convert(toy_data(model)))
            states.append(support.state_of(model))
        support.assert_same_state(*states, atol=1e-4)

    @costly
    def test_the_way_of_running_changes_no_result(self):
        histories = []
        for arguments in ({}, {"steps_per_execution": steps_of(self.family)}, {"run_eagerly": True}):
            model = self.family.make()
            model.compile_from_config({**model.get_compile_config(), **arguments})
            histories.append(model.fit(*toy_data(model), batch_size=4, shuffle=False, verbose=0).history)
        for history in histories[1:]:
            _assert_same_logs(history, histories[0])

    @costly
    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
    def test_mixed_precision(self, policy):
        support.check_mixed_precision(self.family.make, policy)

    # Asked once: it compares the same two backends from either side.
    @pytest.mark.tensorflow
    @of_each_base
    @costly
    def test_the_other_backend_trains_to_the_same_weights(self):
        support.check_other_backend(self.family.exact)

    # The data.

    def test_bad_data_are_refused_before_a_step(self, model):
        """By a message that names the argument and what to do."""
        before = support.state_of(model)
        for data, message in bad_data(model):
            for method in (model.fit, model.evaluate):
                with pytest.raises(ValueError, match=message):
                    method(*data, batch_size=4, verbose=0)
        support.assert_same_state(support.state_of(model), before)

    def test_a_bad_first_batch_is_refused(self, model):
        x, *rest = batched(as_float(toy_data(model)))[0]
        for make in kinds_of_data().values():
            with pytest.raises(ValueError, match="`x` must "):
                model.fit(make([(np.concatenate([x, x], axis=-1), *rest)]), verbose=0)

    def test_a_batch_smaller_than_the_number_of_replicas_is_refused(self, model, monkeypatch):
        monkeypatch.setattr(backends, "num_replicas_of", lambda model: 4)
        data = toy_data(model, 10)
        with pytest.raises(ValueError, match=r"A batch of 2 images cannot be split over 4 replicas\. Raise"):
            model.fit(*data, batch_size=8, verbose=0)
        if keras.backend.backend() == "tensorflow":
            with pytest.raises(ValueError, match=r"partial batch.*`drop_remainder=True`"):
                model.fit(kinds_of_data()["tf.data"](batched(data, 8)), verbose=0)

    @costly
    def test_data_of_every_kind_train(self):
        """Datasets and generators as well as arrays, for training and for validation."""
        model = self.family.make()
        batches = batched(toy_data(model))
        for number, (kind, make) in enumerate(kinds_of_data().items(), start=1):
            # Where the length is unknown Keras begins a third step, which ends with the data and counts.
            history = model.fit(
                make(batches), steps_per_epoch=2, validation_data=make(batches), verbose=0
            ).history
            assert int(model.optimizer.iterations) == 2 * number, kind
            names = {key for key in history if not key.startswith("val_")}
            assert {*history} == names | {f"val_{name}" for name in names}, kind
            assert all(np.isfinite(values).all() for values in history.values()), kind

    @costly
    def test_later_and_validation_batches_are_checked(self):
        """What a first batch would be refused for is refused in a second one, whose step is not taken."""
        model = self.family.make()
        good, (x, *rest) = batched(as_float(toy_data(model)))
        for make in kinds_of_data().values():
            for bad, message in _bad_later_batches(model, x, rest):
                with pytest.raises(ValueError, match=message):
                    model.fit(make([good, bad]), verbose=0)
                with pytest.raises(ValueError, match=message):
                    model.evaluate(make([good, bad]), verbose=0)
            (bad, message), *_ = _bad_later_batches(model, x, rest)
            with pytest.raises(ValueError, match=message):
                model.fit(*good, validation_data=make([good, bad]), validation_steps=2, verbose=0)
        assert all(np.isfinite(weight).all() for weight in model.get_weights())

    @of_each_base
    def test_a_share_of_the_data_validates(self):
        model = self.family.make()
        history = model.fit(*toy_data(model), batch_size=4, validation_split=0.5, verbose=0).history
        assert any(name.startswith("val_") for name in history) and int(model.optimizer.iterations) == 1

    # Refused arguments.

    @pytest.mark.any_backend
    @pytest.mark.parametrize("image_shape", [64, "64", (8, 8), (8, 8, 0), (8.0, 8, 1), None])
    def test_a_shape_that_is_none_is_refused(self, model, image_shape):
        parameters = inspect.signature(self.family.model.__init__).parameters.values()
        required = {
            each.name for each in parameters if each.default is each.empty and each.kind < each.VAR_KEYWORD
        }
        arguments = {name: getattr(model, name) for name in required - {"self", "image_shape"}}
        with pytest.raises(ValueError, match=r"`image_shape`"):
            self.family.model(image_shape=image_shape, **arguments)

    @pytest.mark.any_backend
    @of_players
    def test_unknown_arguments_of_compile_name_the_known_ones(self, model):
        players = players_of(model)
        own = list(model.optimizer_arguments().values())
        name = type(model).__name__
        for unknown in ("learning_rate", "metrics", "loss"):
            with pytest.raises(TypeError, match=f"`compile` of {name} has no argument `{unknown}`") as error:
                model.compile(**{unknown: 1})
            assert all(f"`{each}`" in str(error.value) for each in [*own, "run_eagerly", "jit_compile"])
        if len(players) > 1:
            with pytest.raises(
                TypeError, match=f"Each player has its own optimizer, such as `{'|'.join(own)}"
            ):
                model.compile(optimizer="adam")

    @pytest.mark.any_backend
    def test_the_learning_rate_of_several_players_at_once_is_refused(self, model):
        """`model.optimizer.learning_rate` is that of an only player; of several the message says which there are."""
        players = players_of(model)
        before = learning_rates(model)
        if len(players) > 1:
            for player in players:
                with pytest.raises(AttributeError, match=rf"`model\.{player}_optimizer\.learning_rate`"):
                    model.optimizer.learning_rate = 0.25
        else:
            model.optimizer.learning_rate = 0.25
            assert learning_rates(model) == [0.25] == [float(model.optimizer.learning_rate)]
            model.optimizer.learning_rate = before[0]
        assert learning_rates(model) == before

    @pytest.mark.any_backend
    @of_players
    def test_weights_of_examples_are_refused(self, model):
        """No loss would heed them."""
        data = toy_data(model)
        for argument, value in (("class_weight", {0: 1.0}), ("sample_weight", np.ones(len(data[0])))):
            with pytest.raises(
                ValueError, match=f"`{argument}` is not supported: the losses of a .* are not sums over"
            ):
                model.fit(*data, verbose=0, **{argument: value})

    @pytest.mark.any_backend
    @of_players
    def test_callbacks_that_could_do_nothing_are_refused(self, model):
        data = toy_data(model)
        with pytest.raises(ValueError, match=r"SwapEMAWeights.*`average_decay`"):
            model.fit(*data, verbose=0, callbacks=keras.callbacks.SwapEMAWeights())
        if "loss" not in model.loss_names:
            with pytest.raises(ValueError, match=r"TerminateOnNaN.*`loss`.*TrainingHealth"):
                model.fit(*data, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])

    # Configurations and files.
    @of_every_change
    @pytest.mark.any_backend
    def test_the_config_makes_the_same_model(self):
        made = self.family.random()
        config = json.dumps(made.get_config())
        again = type(made).from_config(json.loads(config))
        assert json.dumps(again.get_config()) == config
        assert [weight.shape for weight in again.weights] == [weight.shape for weight in made.weights]

    @of_every_change
    def test_the_compile_config_compiles_alike(self):
        arguments = {"jit_compile": False, "steps_per_execution": steps_of(self.family)}
        support.check_compile_config(partial(with_sgd, self.family.make, **arguments))

    def test_a_keras_file_holds_all_that_training_changes(self, trained, tmp_path):
        trained.model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        support.assert_same_state(support.state_of(loaded), support.state_of(trained.model))
        assert_same_answers(plain_answers(loaded), plain_answers(trained.model))

    @costly
    def test_a_weights_file_holds_all_that_training_changes(self, trained, tmp_path):
        trained.model.save_weights(tmp_path / "model.weights.h5")
        other = self.family.make()
        other.load_weights(tmp_path / "model.weights.h5")
        support.assert_same_state(support.state_of(other), support.state_of(trained.model))

    def test_a_preset_gives_the_same_answers(self, trained, tmp_path):
        trained.model.save_to_preset(tmp_path / "model")
        loaded = models.load(tmp_path / "model")
        assert type(loaded) is self.family.model
        assert_same_answers(plain_answers(loaded), plain_answers(trained.model), atol=1e-6)
        if self.family.weight_paths:
            support.check_weight_paths(tmp_path / "model" / "model.weights.h5", self.family.weight_paths)

    @costly
    def test_a_keras_file_trains_on_in_a_fresh_process(self, tmp_path):
        """With the optimizers and the noise of the model that was saved."""
        make = self.family.random
        support.check_keras_round_trip(make, toy_data(make()), tmp_path / "model.keras", output=_flat_answers)

    @costly
    def test_a_preset_gives_the_same_answers_in_a_fresh_process(self, tmp_path):
        make = self.family.random
        support.check_preset_round_trip(make, tmp_path / "model", toy_data(make()), output=_flat_answers)

    @of_each_base
    def test_copies_give_the_same_answers(self, tmp_path):
        model = support.as_if_trained(self.family.make())
        expected = answers(model)
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert_same_answers(answers(other), expected)
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        assert_same_answers(answers(clone), expected)
        there = support.fresh_process(_answers_of_pickle, pickle.dumps(model))
        assert_same_answers(there, expected, atol=1e-6)

    @costly
    def test_a_run_that_is_killed_resumes_bit_for_bit(self, tmp_path):
        make = self.family.random
        support.check_resume(make, toy_data(make(), 16), tmp_path)

    # Using a trained model.

    @of_every_change
    def test_predict_evaluate_and_summary(self, trained):
        model, data = trained.model, trained.data
        before = support.state_of(model)
        given = _inputs_of_call(model)
        with support.eagerly():
            outputs = model.predict(given if len(given) > 1 else given[0], batch_size=3, verbose=0)
            logs = model.evaluate(*data, batch_size=4, verbose=0, return_dict=True)
        called = model(given if len(given) > 1 else given[0])
        np.testing.assert_allclose(outputs, support.to_numpy(called), atol=ATOL_OF_SIZES)
        assert {*logs} == {name for name in trained.history if not name.startswith("val_")}
        assert all(math.isfinite(value) for value in logs.values())
        lines = []
        model.summary(print_fn=lambda line, **_: lines.append(line))
        text = "\n".join(lines)
        assert all(f"{network.count_params():,}" in text for network in model.networks.values())
        _assert_same_but_for_noise(support.state_of(model), before)

    def test_answers_are_those_of_the_networks(self, trained):
        before = support.state_of(trained.model)
        given = answers(trained.model, 5)
        assert_same_answers(given, plain_answers(trained.model, 5), atol=ATOL_OF_SIZES)
        for name, value in given.items():
            assert isinstance(value, np.ndarray) and value.dtype == np.float32, name
            assert len(value) == 5 and np.isfinite(value).all(), name
        support.assert_same_state(support.state_of(trained.model), before)

    def test_a_number_of_rows_is_no_new_trace(self, trained):
        model = trained.model
        answers(model, 8)
        traces = model.inference.num_traces
        for num in (1, 3, 16):
            assert_same_answers(answers(model, num), plain_answers(model, num), atol=ATOL_OF_SIZES)
        # JAX compiles for the powers of two.
        assert model.inference.num_traces <= (5 if keras.backend.backend() == "jax" else 1) * traces

    @asked_where(lambda family: family.model.abilities & TAKES_IMAGES)
    def test_neither_type_nor_batch_size_change_an_answer(self, trained):
        images = trained.data[0]
        for ability in trained.model.abilities & TAKES_IMAGES:
            method = getattr(trained.model, ability)
            expected = method(images)
            for given in (method(in_another_type(images)), method(images, batch_size=3)):
                keras.tree.map_structure(
                    partial(np.testing.assert_allclose, atol=ATOL_OF_SIZES), given, expected
                )

    @needs("sample")
    def test_a_seed_determines_the_samples(self, trained):
        sample = partial(_sample, trained.model)
        images = sample(9, seed=7)
        np.testing.assert_array_equal(sample(9, seed=7), images)
        np.testing.assert_allclose(sample(9, seed=7, batch_size=2), images, atol=ATOL_OF_SIZES)
        np.testing.assert_allclose(sample(3, seed=7), images[:3], atol=ATOL_OF_SIZES)
        assert (sample(9, seed=8) != images).any() and (sample(4) != sample(4)).any()
        low, high = trained.model.modality.bounds
        assert low <= images.min() and images.max() <= high

    @needs("sample")
    def test_truncation_of_zero_gives_one_image_of_a_class(self, trained):
        labels = None if labels_for(trained.model, 1) is None else 0
        sample = partial(trained.model.sample, 4, seed=7, labels=labels)
        assert np.ptp(sample(truncation=0.0), axis=0).max() < 1e-5 < np.ptp(sample(), axis=0).max()

    @needs("sample")
    def test_samples_of_given_latents(self, trained):
        model = trained.model
        latents = support.to_numpy(model.latent.from_seed(3, seed=4))
        labels = labels_for(model, 3)
        given = model.sample(latents=latents, labels=labels)
        expected = model.images_from_latents(latents, *([] if labels is None else [labels]))
        np.testing.assert_allclose(given, support.to_numpy(expected), atol=ATOL_OF_SIZES)
        # Each sample is that of its own latent vector, whichever stand beside it, and of its own label.
        backwards = model.sample(latents=latents[::-1], labels=None if labels is None else labels[::-1])
        np.testing.assert_allclose(backwards, given[::-1], atol=ATOL_OF_SIZES)
        same_label = model.sample(latents=latents, labels=None if labels is None else np.zeros_like(labels))
        assert len(np.unique(same_label, axis=0)) == 3
        if labels is not None:
            assert (same_label[1:] != given[1:]).any(axis=tuple(range(1, given.ndim))).all()

    def test_a_preview_is_a_picture(self, trained):
        """Of samples, or of translations beside the examples; None of a model that draws nothing."""
        model = trained.model
        examples = tuple(x[:2] for x in trained.data) if "translate" in model.abilities else None
        picture = model.preview(examples, num=4)
        if model.abilities & {"sample", "translate"}:
            assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[-1] in (1, 3)
            np.testing.assert_array_equal(picture, model.preview(examples, num=4))
            assert np.ptp(picture) > 0
            if "sample" in model.abilities:
                assert (picture != model.preview(examples, seed=1, num=4)).any()
        else:
            assert picture is None

    @pytest.mark.any_backend
    def test_default_measures_are_of_what_the_model_can_do(self, model):
        assert model.default_measures()
        assert all(MEASURES[name].ability in model.abilities for name in model.default_measures())

    @pytest.mark.any_backend
    def test_bad_arguments_of_the_methods_are_refused(self, model):
        for method, arguments, message in bad_calls(model):
            with pytest.raises(ValueError, match=message):
                method(**arguments)

    def test_signatures_give_what_the_methods_give(self, trained):
        """What an export serves, before it is one."""
        functions = {name: function for name, (function, _) in trained.model.signatures().items()}
        assert_serves(trained.model, functions)

    @of_each_base
    def test_answers_follow_the_weights(self):
        model = self.family.make()
        before = answers(model)
        model.set_weights([weight + 0.1 for weight in model.get_weights()])
        given = answers(model)
        assert_same_answers(given, plain_answers(model), atol=ATOL)
        assert largest_difference(given, before) > 1e-3
        traces = model.inference.num_traces
        model.fit(*toy_data(model), batch_size=4, verbose=0)
        after = answers(model)
        assert_same_answers(after, plain_answers(model), atol=ATOL)
        assert largest_difference(after, given) > 1e-6 and model.inference.num_traces == traces

    @of_each_base
    def test_answers_follow_the_precision(self):
        model = support.as_if_trained(self.family.make())
        before = answers(model)
        for network in (*model.networks.values(), *getattr(model, "averages", {}).values()):
            for layer in network.layers:
                layer.dtype_policy = "mixed_bfloat16"
        after = answers(model)
        assert_same_answers(after, plain_answers(model), atol=0.1)
        assert {value.dtype for value in after.values()} == {np.dtype("float32")}
        assert largest_difference(after, before) > 1e-4

    @of_each_base
    def test_the_global_policy_is_that_of_networks_to_come(self):
        model = support.as_if_trained(self.family.make())
        before = answers(model)
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            assert_same_answers(answers(model), before)
            of_half_precision = answers(support.as_if_trained(self.family.make()))
        finally:
            keras.config.set_dtype_policy("float32")
        assert_same_answers(of_half_precision, before, atol=0.2)
        assert largest_difference(of_half_precision, before) > 1e-5

    @costly
    @pytest.mark.tensorflow
    def test_answers_where_tensorflow_runs_functions_eagerly(self):
        import tensorflow as tf

        model = support.as_if_trained(self.family.make())
        expected = answers(model)
        tf.config.run_functions_eagerly(True)
        try:
            for each in (model, support.as_if_trained(self.family.make())):
                assert_same_answers(answers(each), expected, atol=ATOL)
        finally:
            tf.config.run_functions_eagerly(False)

    @costly
    def test_threads_get_what_they_would_one_after_the_other(self):
        expected = {num: answers(support.as_if_trained(self.family.make()), num) for num in (1, 3, 8)}
        # The first call, which compiles, is that of all of them.
        model = support.as_if_trained(self.family.make())
        nums = [1, 3, 8] * 8
        with ThreadPoolExecutor(16) as threads:
            for num, given in zip(nums, threads.map(partial(answers, model), nums), strict=True):
                assert_same_answers(given, expected[num], atol=1e-6)

    @costly
    def test_answers_of_a_model_that_runs_eagerly(self):
        model = support.as_if_trained(self.family.make())
        expected = answers(model)
        model.compile(run_eagerly=True)
        assert_same_answers(answers(model), expected, atol=ATOL)
        model = support.as_if_trained(self.family.make())
        model.compile(run_eagerly=True)
        assert_same_answers(answers(model), expected, atol=ATOL)
        assert model.inference.num_traces == 0

    @costly
    @pytest.mark.tensorflow
    def test_a_saved_model_serves_what_the_model_gives(self, tmp_path):
        import tensorflow as tf

        model = support.as_if_trained(self.family.random())
        model.export(tmp_path / "model")
        served = tf.saved_model.load(str(tmp_path / "model")).signatures
        assert {*served} - {"serving_png"} == {*model.signatures(), "serving_default"}
        # The batch size is free, and so are height and width where the networks take any.
        assert_serves(model, {name: partial(_call_with_tensors, served[name]) for name in model.signatures()})

    # The callbacks of Keras.

    @costly
    def test_callbacks_of_keras_work_together(self, tmp_path):
        """Those that look at the optimizer reach that of every player."""
        model = self.family.make()
        rates, after_first_epoch = learning_rates(model), []
        name = getattr(model, "loss_names", ("loss",))[0]
        monitoring = {"monitor": name, "mode": "min", "min_delta": 1e6, "patience": 1}
        remember = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: (
                after_first_epoch or after_first_epoch.extend(model.get_weights())
            )
        )
        callbacks = [
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
            keras.callbacks.ReduceLROnPlateau(factor=0.1, **monitoring),
            keras.callbacks.TensorBoard(tmp_path / "logs", histogram_freq=1, write_steps_per_second=True),
            keras.callbacks.ModelCheckpoint(tmp_path / "epoch-{epoch}.weights.h5", save_weights_only=True),
            keras.callbacks.ModelCheckpoint(tmp_path / "epoch-{epoch}.keras"),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            JSONLines(tmp_path / "log.jsonl"),
            remember,
            keras.callbacks.EarlyStopping(restore_best_weights=True, **monitoring),
        ]
        data = toy_data(model)
        history = model.fit(*data, batch_size=4, epochs=5, verbose=0, callbacks=callbacks).history

        # No epoch is better than the first by a million: the second lowers the rates and ends the training.
        assert len(history[name]) == 2
        np.testing.assert_allclose(learning_rates(model), 0.5 * 0.5 * 0.1 * np.array(rates), rtol=1e-5)
        keys = [f"learning_rate_{player}" for player in players_of(model)] or ["learning_rate"]
        for key, rate in zip(keys, rates, strict=True):
            np.testing.assert_allclose(history[key], [0.5 * rate, 0.25 * rate], rtol=1e-5)
        header, *rows = (tmp_path / "log.csv").read_text().splitlines()
        assert {"epoch", *history} <= set(header.split(",")) and len(rows) == 2
        assert list((tmp_path / "logs" / "train").iterdir())
        other = self.family.make()
        other.load_weights(tmp_path / "epoch-1.weights.h5")
        for restored in (model, keras.saving.load_model(tmp_path / "epoch-1.keras"), other):
            for weight, best in zip(restored.get_weights(), after_first_epoch, strict=True):
                np.testing.assert_array_equal(weight, best)

    @costly
    def test_backup_and_restore(self, tmp_path):
        """A training that broke off goes on at its epoch, with the optimizers' states and the noise."""
        begun = []

        def fit(model, on_epoch_begin):
            watch = keras.callbacks.LambdaCallback(on_epoch_begin=on_epoch_begin)
            backup = keras.callbacks.BackupAndRestore(tmp_path)
            model.fit(*toy_data(model), batch_size=4, epochs=3, verbose=0, callbacks=[backup, watch])

        def fail(epoch, logs):
            if epoch == 1:
                raise RuntimeError("broken off")

        model = self.family.make()
        with pytest.raises(RuntimeError, match="broken off"):
            fit(model, fail)
        broken_off = support.state_of(model)
        model = self.family.make()
        fit(model, lambda epoch, logs: begun.append((epoch, support.state_of(model))))
        assert [epoch for epoch, _ in begun] == [1, 2]
        support.assert_same_state(begun[0][1], broken_off)
        assert int(model.optimizer.iterations) == 6

    # Several devices.

    @costly
    @pytest.mark.tensorflow
    def test_two_replicas_take_the_step_of_one_device(self):
        make = partial(with_sgd, self.family.exact)
        support.check_replicas_equal_one_device(make, toy_data(make()))

    @costly
    @pytest.mark.tensorflow
    @needs("sample")
    def test_the_noise_of_replicas_differs(self):
        support.check_replica_noise_differs(self.family.make)

    @costly
    @pytest.mark.tensorflow
    def test_two_replicas_train_with_everything_random(self):
        make = self.family.random
        support.fresh_process(_train_and_answer_on_two_replicas, make, toy_data(make()))

    @costly
    @pytest.mark.tensorflow
    def test_two_workers_end_with_the_same_weights(self):
        support.check_two_workers(self.family.exact, toy_data(self.family.exact()))


# What several promises share.


def has_option(model_class, name):
    """Whether a constructor, or one that it passes its arguments on to, has an argument of a name."""
    return any(name in inspect.signature(cls.__init__).parameters for cls in model_class.__mro__)


def steps_of(family):
    """More steps per execution than one, where the model takes them."""
    return 2 if getattr(family.model, "several_steps_per_execution", True) else 1


def learning_rates(model):
    return [float(optimizer.learning_rate) for optimizer in model.optimizers.values()]


def _sample(model, num, **arguments):
    return model.sample(num, labels=labels_for(model, num), **arguments)


def _assert_same_but_for_noise(state, before):
    changed = {name for name in before if (before[name] != state[name]).any()}
    assert all("seed_generator_state" in name for name in changed), changed


def _inputs_of_call(model):
    """Arrays for `predict`: latents (and labels), or images."""
    if "sample" not in model.abilities or "encode" in model.abilities:
        return list(toy_data(model)[:1])
    return [
        support.to_numpy(model.latent.from_seed(8, 1)),
        *([labels_for(model, 8)] if model.condition else []),
    ]


def _fit(model, data):
    """Logs of an epoch of two steps, and one of validation."""
    validation_data = tuple(x[:4] for x in data)
    return model.fit(*data, batch_size=4, validation_data=validation_data, shuffle=False, verbose=0).history


def _assert_same_logs(history, expected):
    assert history.keys() == expected.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-2, atol=1e-3, err_msg=name)


def _flat_answers(model):
    return np.concatenate([value.ravel() for value in answers(model).values()])


def _answers_of_pickle(pickled):
    return answers(pickle.loads(pickled))


def _call_with_tensors(function, **arrays):
    import tensorflow as tf

    return function(**{name: tf.constant(array) for name, array in arrays.items()})


def _bad_later_batches(model, x, rest):
    """Pairs of a batch and the message that it must be refused with."""
    expected = model.expected_data()["x"]
    if isinstance(expected, modalities.LabelMaps):
        # Ints, among which there is no NaN.
        too_large = (
            f"`x` must contain labels from 0 to {expected.num_labels - 1}. Received .*{expected.num_labels}"
        )
        cases = [((x + expected.num_labels, *rest), too_large)]
        cases += [((x - expected.num_labels, *rest), "`x` must contain labels .* Received labels from -")]
    else:
        cases = [((np.full_like(x, np.nan), *rest), r"`x` contains NaN|`x` must contain finite float values")]
    if isinstance(expected, modalities.Images):
        cases.append(((127.5 * (x + 1), *rest), r"`x` must be in \[-1, 1\]"))
    if "y" in model.expected_data() and model.condition:
        (labels,) = rest
        cases += [
            ((x, np.full_like(labels, 77)), "`y` must be from 0 to .* Received labels from 77 to 77"),
            ((x, labels[:3]), "`y` must have one entry for each of the 4 entries of `x`"),
        ]
    return cases


def _train_and_answer_on_two_replicas(make, data):
    strategy = support.two_logical_devices()
    alone = answers(support.as_if_trained(make()))
    with strategy.scope():
        model = support.as_if_trained(make())
        inside = answers(model)
    assert_same_answers(inside, alone, atol=ATOL)
    assert_same_answers(answers(model), alone, atol=ATOL)
    before = trainable_values(model)
    if players_of(model):
        model.track_gradient_norms()
    history = model.fit(*data, batch_size=8, epochs=2, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert any((old != new).any() for old, new in zip(before, trainable_values(model), strict=True))
    assert all(np.isfinite(value).all() for value in answers(model).values())


def _least_loss_of_equal_logits(model):
    """The least loss over discriminators that say the same of all they see."""
    model.compile(run_eagerly=True)
    data, losses_found = toy_data(model, 4), []
    # A discriminator may give a list for each of several scales.
    networks = {name: getattr(model, name) for name in model.players["discriminator"]}
    outputs = {
        name: network.output if hasattr(network, "outputs") else 0 for name, network in networks.items()
    }
    # The least are at 0 and at 0.5.
    for logit in np.array([-0.5, 0.0, 0.5, 1.0], "float32"):
        for name, output in outputs.items():
            setattr(model, name, _saying(logit, output))
        model.reset_metrics()
        losses_found.append(model.test_on_batch(*data, return_dict=True)["discriminator_loss"])
    return min(losses_found)


def _saying(logit, output):
    """A discriminator whose outputs, in the structure of `output`, are all the logit."""

    def discriminator(inputs, **_):
        # Zero times the input, so that penalties find a gradient.
        nothing = sum(
            0.0 * ops.mean(part, axis=tuple(range(1, len(part.shape))))[:, None]
            for part in keras.tree.flatten(inputs)
        )
        return keras.tree.map_structure(lambda _: nothing + ops.convert_to_tensor(logit), output)

    return discriminator


# Abilities that are methods of images.
TAKES_IMAGES = {"translate", "encode", "reconstruct", "predict_features"}

LOSSES_WITH_A_LEVEL = (
    losses.Minimax(),
    losses.NonSaturating(),
    losses.LeastSquares(),
    losses.LeastSquares(1.0),
    losses.LeastSquares(2.0),
    losses.Hinge(),
)
