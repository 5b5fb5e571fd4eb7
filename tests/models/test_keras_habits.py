"""What a Keras user tries first, asked of every model class: callbacks, kinds of data, precisions, files."""

import functools
import math

import keras
import numpy as np
import pytest
from toy_autoencoders import make_autoencoder
from toy_gans import make_gan
from toy_msg import make_msg_gan
from toy_progressive import make_fading
from toy_translators import make_cyclegan, make_pix2pix
from toy_wgans import make_plain_wgan, make_wgan

from keras_genzoo import models, pixels
from keras_genzoo.callbacks import JSONLines
from tests import support

NUM = 8


def make_classifier(**compile_arguments):
    keras.utils.set_random_seed(0)
    classifier = models.Classifier((8, 8, 1), num_classes=3, filters=(2, 2, 2), feature_dim=4)
    classifier.compile(**compile_arguments)
    return classifier


def _images(channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (NUM, 8, 8, channels)).astype("uint8")


LABELS = support.toy_labels(NUM)
ONE = (_images(),)
LABELLED = (_images(), LABELS)
# Family -> (function that makes a compiled model, what `fit` takes, what `predict` takes).
LATENTS = np.random.default_rng(1).normal(size=(NUM, 4)).astype("float32")
FAMILIES = {
    "GAN": (make_gan, ONE, LATENTS),
    "conditional GAN": (functools.partial(make_gan, num_classes=3), LABELLED, [LATENTS, LABELS]),
    "WGAN": (make_wgan, ONE, LATENTS),
    "WGANGP": (functools.partial(make_plain_wgan, "adam", family=models.WGANGP), ONE, LATENTS),
    "ProgressiveGAN": (make_fading, ONE, LATENTS),
    "MSGGAN": (make_msg_gan, ONE, LATENTS),
    "Autoencoder": (functools.partial(make_autoencoder, "Autoencoder"), ONE, ONE[0]),
    "VAE": (functools.partial(make_autoencoder, "VAE"), ONE, ONE[0]),
    "WAEMMD": (functools.partial(make_autoencoder, "WAEMMD"), ONE, ONE[0]),
    "WAEGAN": (functools.partial(make_autoencoder, "WAEGAN"), ONE, ONE[0]),
    "Pix2Pix": (make_pix2pix, (_images(2), _images(1)), _images(2)),
    "CycleGAN": (make_cyclegan, (_images(1), _images(1, seed=1)), _images(1)),
    "Classifier": (make_classifier, LABELLED, ONE[0]),
}
every_family = pytest.mark.parametrize("family", FAMILIES)


def _family(family):
    make, data, inputs = FAMILIES[family]
    return make(), data, inputs


def _learning_rates(model):
    return [
        float(optimizer.learning_rate)
        for optimizer in getattr(model, "optimizers", {"": model.optimizer}).values()
    ]


def _loss_name(model):
    return getattr(model, "loss_names", ("loss",))[0]


def _as_float(data):
    """The same images as floats in [-1, 1]."""
    return tuple(np.array(pixels.normalize(x)) if x.dtype == np.uint8 else x for x in data)


class _Batches(keras.utils.PyDataset):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def _generator(batches):
    yield from batches


def _tf_dataset(batches):
    import tensorflow as tf

    spec = tuple(tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in batches[0])
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))


KINDS = {"tf.data": _tf_dataset, "PyDataset": _Batches, "generator": _generator}


def _batched(data, size=4):
    """A list of batches, as a dataset hands them to `fit`."""
    return [tuple(x[start : start + size] for x in data) for start in range(0, len(data[0]), size)]


@every_family
class TestCallbacks:
    def test_of_keras_work_together(self, family, tmp_path):
        """Those that look at the optimizer reach that of every player."""
        model, data, _ = _family(family)
        name, rates, after_first_epoch = _loss_name(model), _learning_rates(model), []
        monitoring = {"monitor": name, "mode": "min", "min_delta": 1e6, "patience": 1}
        history = model.fit(
            *data,
            batch_size=4,
            epochs=5,
            verbose=0,
            callbacks=[
                keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
                keras.callbacks.ReduceLROnPlateau(factor=0.1, **monitoring),
                keras.callbacks.TensorBoard(tmp_path / "logs", histogram_freq=1, write_steps_per_second=True),
                keras.callbacks.ModelCheckpoint(
                    tmp_path / "epoch-{epoch}.weights.h5", save_weights_only=True
                ),
                keras.callbacks.ModelCheckpoint(tmp_path / "epoch-{epoch}.keras"),
                keras.callbacks.CSVLogger(tmp_path / "log.csv"),
                JSONLines(tmp_path / "log.jsonl"),
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda epoch, logs: (
                        after_first_epoch or after_first_epoch.extend(model.get_weights())
                    )
                ),
                keras.callbacks.EarlyStopping(restore_best_weights=True, **monitoring),
            ],
        ).history

        # No epoch is better than the first by a million: the second lowers the rates and ends the training.
        assert len(history[name]) == 2
        np.testing.assert_allclose(_learning_rates(model), 0.5 * 0.5 * 0.1 * np.array(rates), rtol=1e-5)
        keys = [f"learning_rate_{player}" for player in getattr(model, "players", ())] or ["learning_rate"]
        for key, rate in zip(keys, rates, strict=True):
            np.testing.assert_allclose(history[key], [0.5 * rate, 0.25 * rate], rtol=1e-5)
        for weight, best in zip(model.get_weights(), after_first_epoch, strict=True):
            np.testing.assert_array_equal(weight, best)

        assert list((tmp_path / "logs" / "train").iterdir())
        header, *rows = (tmp_path / "log.csv").read_text().splitlines()
        assert {"epoch", *history} <= set(header.split(",")) and len(rows) == 2
        loaded = keras.saving.load_model(tmp_path / "epoch-1.keras")
        others, _, _ = _family(family)
        others.load_weights(tmp_path / "epoch-1.weights.h5")
        for weight, best, other in zip(
            loaded.get_weights(), after_first_epoch, others.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(weight, best)
            np.testing.assert_array_equal(other, best)

    def test_backup_and_restore(self, family, tmp_path):
        """A training that broke off goes on at its epoch, with the optimizers' states."""

        def fail(epoch, logs):
            if epoch == 1:
                raise RuntimeError("broken off")

        def backup():
            return keras.callbacks.BackupAndRestore(tmp_path)

        model, data, _ = _family(family)
        with pytest.raises(RuntimeError, match="broken off"):
            model.fit(
                *data,
                batch_size=4,
                epochs=3,
                verbose=0,
                callbacks=[backup(), keras.callbacks.LambdaCallback(on_epoch_begin=fail)],
            )
        broken_off = model.get_weights()
        model, _, _ = _family(family)
        begun = []
        model.fit(
            *data,
            batch_size=4,
            epochs=3,
            verbose=0,
            callbacks=[
                backup(),
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, logs: begun.append((epoch, model.get_weights()))
                ),
            ],
        )
        assert [epoch for epoch, _ in begun] == [1, 2]
        for weight, saved in zip(begun[0][1], broken_off, strict=True):
            np.testing.assert_array_equal(weight, saved)
        assert int(model.optimizer.iterations) == 6

    def test_that_could_do_nothing_are_refused(self, family):
        model, data, _ = _family(family)
        if family == "Classifier":
            model = make_classifier(optimizer=keras.optimizers.Adam(use_ema=True))
            model.fit(*data, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()], validation_data=data)
            return
        with pytest.raises(ValueError, match=r"SwapEMAWeights.*`average_decay`"):
            model.fit(*data, verbose=0, callbacks=keras.callbacks.SwapEMAWeights())
        if "loss" in model.loss_names:
            model.fit(*data, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
        else:
            with pytest.raises(ValueError, match=r"TerminateOnNaN.*`loss`.*TrainingHealth"):
                model.fit(*data, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])


class TestLaterLabels:
    """What is asked of the first batch's labels is asked of the others' too."""

    @pytest.mark.parametrize("dtype", ["int32", "uint8"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_must_be_of_a_class(self, kind, dtype):
        model, (images, labels), _ = _family("conditional GAN")
        batches = _batched((images, labels.astype(dtype)))
        batches[1] = (batches[1][0], np.full(4, 77, dtype))
        with pytest.raises(ValueError, match=r"`y` must lie from 0 to 2. Received labels from 77 to 77"):
            model.fit(KINDS[kind](batches), verbose=0)

    @pytest.mark.parametrize("kind", KINDS)
    def test_must_be_as_many_as_the_images(self, kind):
        model, data, _ = _family("conditional GAN")
        batches = _batched(data)
        batches[1] = (batches[1][0], batches[1][1][:3])
        with pytest.raises(ValueError, match="`y` must hold one entry for each of the 4 of `x`"):
            model.fit(KINDS[kind](batches), verbose=0)


def test_the_rest_for_validation_is_checked_too():
    """Of 8 images one remains, which has no other to be compared with."""
    with pytest.raises(ValueError, match=r"needs at least 2 images of a batch.*Received a batch of 1"):
        make_autoencoder("WAEMMD").fit(_images(), batch_size=7, validation_split=0.1, verbose=0)


class TestWeightsOfExamples:
    @pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"Classifier"}))
    @pytest.mark.parametrize(
        "argument", [{"class_weight": {0: 1.0}}, {"sample_weight": np.ones(NUM)}], ids=["class", "sample"]
    )
    def test_are_refused_where_no_loss_would_heed_them(self, family, argument):
        model, data, _ = _family(family)
        with pytest.raises(
            ValueError, match=f"`{next(iter(argument))}` is for losses that are sums over examples"
        ):
            model.fit(*data, verbose=0, **argument)


@every_family
class TestData:
    def test_of_every_kind_trains(self, family):
        """Arrays, datasets and generators, for training and for validation."""
        model, data, _ = _family(family)
        steps = 0
        for kind, make in {"NumPy": None, **KINDS}.items():
            x, validation = (data, data) if make is None else ([make(_batched(data))], make(_batched(data)))
            # Where the length is unknown Keras begins a third step, which ends with the data and counts.
            sizes = {"batch_size": 4} if make is None else {"steps_per_epoch": 2}
            history = model.fit(*x, **sizes, validation_data=validation, verbose=0).history
            steps += 2
            assert int(model.optimizer.iterations) == steps, kind
            assert {key for key in history if key.startswith("val_")} == {
                f"val_{key}" for key in history if not key.startswith("val_")
            }, kind
            assert all(np.isfinite(values).all() for values in history.values()), kind
        history = model.fit(*data, batch_size=4, validation_split=0.5, verbose=0).history
        assert f"val_{_loss_name(model)}" in history and int(model.optimizer.iterations) == steps + 1

    def test_later_batches_are_checked(self, family):
        """What a first batch would be refused for is refused in a second one, whose step is not taken."""
        model, data, _ = _family(family)
        good, (x, *rest) = _batched(_as_float(data))
        faults = {
            r"`x` must lie in \[-1, 1\]": (127.5 * (x + 1), *rest),
            r"`x` contains NaN": (np.full_like(x, np.nan), *rest),
        }
        for message, bad in faults.items():
            for make in KINDS.values():
                with pytest.raises(ValueError, match=message):
                    model.fit(make([good, bad]), verbose=0)
        assert all(np.isfinite(weight).all() for weight in model.get_weights())

    def test_validation_data_are_checked(self, family):
        model, data, _ = _family(family)
        x, *rest = _batched(_as_float(data))[1]
        for make in KINDS.values():
            with pytest.raises(ValueError, match=r"`x` must lie in \[-1, 1\]"):
                model.fit(
                    *data,
                    batch_size=4,
                    validation_data=make([(127.5 * (x + 1), *rest)]),
                    validation_steps=1,
                    verbose=0,
                )

    def test_first_batches_are_checked(self, family):
        x, *rest = _batched(_as_float(FAMILIES[family][1]))[0]
        for make in KINDS.values():
            model, _, _ = _family(family)
            with pytest.raises(ValueError, match=r"`x` must have the shape \(batch, 8, 8, "):
                model.fit(make([(x[:, :4], *rest)]), verbose=0)

    def test_uint8_is_float(self, family):
        _, data, inputs = _family(family)
        inputs = inputs if isinstance(inputs, list) else [inputs]
        results = []
        for convert in (tuple, _as_float):
            model, _, _ = _family(family)
            logs = model.train_on_batch(*(x[:4] for x in convert(data)), return_dict=True)
            asked = [np.asarray(x) for x in convert(tuple(inputs))]
            results.append((logs, model.predict(asked if len(asked) > 1 else asked[0], verbose=0)))
        (logs, outputs), (float_logs, float_outputs) = results
        assert logs == pytest.approx(float_logs, rel=1e-4, abs=1e-5)
        np.testing.assert_allclose(outputs, float_outputs, atol=1e-4)


@every_family
class TestUse:
    def test_predict_evaluate_summary(self, family):
        model, data, inputs = _family(family)
        outputs = model.predict(inputs, batch_size=3, verbose=0)
        assert len(outputs) == NUM and np.isfinite(outputs).all()
        logs = model.evaluate(*data, batch_size=4, verbose=0, return_dict=True)
        assert {*getattr(model, "loss_names", ("loss", "accuracy"))} == set(logs)
        assert all(math.isfinite(value) for value in logs.values())
        lines = []
        model.summary(print_fn=lambda line, **_: lines.append(line))
        text = "\n".join(lines)
        assert all(f"{network.count_params():,}" in text for network in model.networks.values())

    def test_way_of_running_changes_no_result(self, family):
        _, data, _ = _family(family)
        histories = []
        for arguments in ({}, {"steps_per_execution": 2}, {"run_eagerly": True}):
            model, _, _ = _family(family)
            model.compile_from_config({**model.get_compile_config(), **arguments})
            histories.append(model.fit(*data, batch_size=4, shuffle=False, verbose=0).history)
        for history in histories[1:]:
            assert history.keys() == histories[0].keys()
            for name, values in history.items():
                np.testing.assert_allclose(values, histories[0][name], rtol=1e-2, atol=1e-3, err_msg=name)

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_mixed_precision(self, family, policy):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model, data, inputs = _family(family)
            history = model.fit(*data, batch_size=4, verbose=0).history
            outputs = model.predict(inputs, verbose=0)
        finally:
            keras.config.set_dtype_policy(before)
        assert all(np.isfinite(values).all() for values in history.values())
        assert outputs.dtype == np.float32 and np.isfinite(outputs).all()
        assert all(weight.dtype == np.float32 for weight in model.get_weights() if weight.dtype.kind == "f")


def test_a_generator_may_yield_images_alone():
    model = make_gan()
    model.fit(_generator([ONE[0][:4], ONE[0][4:]]), steps_per_epoch=2, verbose=0)
    assert int(model.optimizer.iterations) == 2


def test_keras_files_in_a_fresh_process(tmp_path):
    outputs = {}
    for family in FAMILIES:
        model, data, inputs = _family(family)
        model.train_on_batch(*(x[:4] for x in data))
        model.save(tmp_path / f"{family}.keras")
        outputs[family] = model.predict(inputs, verbose=0)
    loaded = support.fresh_process(_outputs_of_files, tmp_path)
    assert loaded.keys() == outputs.keys()
    for family, values in outputs.items():
        np.testing.assert_allclose(loaded[family], values, atol=1e-5, err_msg=family)


def _outputs_of_files(folder):
    import keras_genzoo  # noqa: F401 - registers the classes

    return {
        family: keras.saving.load_model(folder / f"{family}.keras").predict(inputs, verbose=0)
        for family, (_, _, inputs) in FAMILIES.items()
    }


class TestRefusals:
    # The classifier's `compile` is that of Keras.
    @pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"Classifier"}))
    def test_unknown_arguments_of_compile_name_the_known_ones(self, family):
        model, _, _ = _family(family)
        own = (
            [*(f"{player}_optimizer" for player in model.players)]
            if len(model.players) > 1
            else ["optimizer"]
        )
        for unknown in ("learning_rate", "metrics"):
            with pytest.raises(
                TypeError, match=f"`compile` of {type(model).__name__} has no argument `{unknown}`"
            ) as error:
                model.compile(**{unknown: 1})
            assert all(f"`{name}`" in str(error.value) for name in [*own, "run_eagerly", "jit_compile"])
        if len(model.players) > 1:
            with pytest.raises(
                TypeError, match=f"Each player has an optimizer of its own, such as `{'|'.join(own)}"
            ):
                model.compile(optimizer="adam")

    @every_family
    def test_learning_rate_of_all_players_at_once(self, family):
        """`model.optimizer.learning_rate` sets that of an only player; of several it says which there are."""
        model, _, _ = _family(family)
        players = getattr(model, "players", ("",))
        if len(players) == 1:
            model.optimizer.learning_rate = 0.25
            assert _learning_rates(model) == [0.25] == [float(model.optimizer.learning_rate)]
            return
        before = _learning_rates(model)
        for player in players:
            with pytest.raises(AttributeError, match=rf"`model\.{player}_optimizer\.learning_rate`"):
                model.optimizer.learning_rate = 0.25
        assert _learning_rates(model) == before


@pytest.mark.parametrize("image_shape", [64, "64", (8, 8), (8, 8, 0), (8.0, 8, 1), None])
@pytest.mark.parametrize(
    "family", sorted(set(models.__all__) - {"load", "GenerativeModel", "LatentModel", "TranslationModel"})
)
def test_shape_that_is_none(family, image_shape):
    arguments = {"num_classes": 3} if family == "Classifier" else {}
    with pytest.raises(ValueError, match=r"`image_shape`"):
        getattr(models, family)(image_shape=image_shape, **arguments)
