"""Regularizers that act at every k-th step alone."""

import functools

from keras import ops

from keras_genzoo.optimizers import Adam


class LazyRegularization:
    """Mixin of models with regularizers that act at every k-th step, as updates of their own.

    The family says `regularizer_intervals`, and its step asks `is_due`:

    ```python
    if self.is_due("r1"):
        self.minimize(lambda: self.r1_interval * self.r1(images), "discriminator")
    ...
    self.count_step()
    ```

    Steps that differ in what is due are functions of their own, each traced once, among which Python chooses: a
    condition inside a graph cannot hold an optimizer's update under `tf.distribute`. An execution has one step.

    The log of a regularizer is its mean over the steps of an epoch in which it acted. An epoch in which it did not
    act, shorter than its interval, logs 0: callbacks need the same names in each epoch.

    Source: Karras et al. 2020, section 3.1 and appendix B, "Lazy regularization".
    """

    several_steps_per_execution = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Saved, and counted in Python too: on JAX a variable cannot be read while `fit` runs.
        self.steps = self.add_weight(
            name="steps",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        # Past the tracking of Keras, which takes time.
        vars(self).update(_next_step=0, _due=frozenset())

    @property
    def regularizer_intervals(self):
        """Dict of the name of each regularizer -> the steps from one time to the next, None where it never acts."""
        raise NotImplementedError

    def is_due(self, name):
        """Whether a regularizer acts in the step that is running, or being traced."""
        return name in self._due

    def count_step(self):
        """To be called once in each step."""
        self.steps.assign(self.steps.value + 1)

    def _apply(self, gradients, variables, player):
        # A regularizer leaves out the last biases, which TensorFlow then gives no gradient and JAX one of zeros.
        gradients = [
            ops.zeros_like(variable) if gradient is None else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        super()._apply(gradients, variables, player)

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        functions = {}
        make_one = super().make_train_function

        def step(*args):
            due = frozenset(
                name
                for name, interval in self.regularizer_intervals.items()
                if interval and self._next_step % interval == 0
            )
            vars(self)["_due"] = due
            if due not in functions:
                # JAX takes bound methods, which are equal, for one function, and would reuse its first trace.
                vars(self)["train_step"] = functools.partial(self.train_step)
                make_one(force=True)
                del vars(self)["train_step"]
                functions[due], self.train_function = self.train_function, step
            outputs = functions[due](*args)
            vars(self)["_next_step"] += 1
            return outputs

        self.train_function = step

    def training_begins(self):
        super().training_begins()
        self._find_next_step()

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self._find_next_step()

    def _find_next_step(self):
        vars(self)["_next_step"] = int(ops.convert_to_numpy(self.steps))


def corrected_adam(interval, learning_rate, beta_1, beta_2):
    """Adam for a player with a regularizer that takes an update of its own at every `interval`-th step.

    Of `interval + 1` updates `interval` are the main loss's. Learning rate and betas are corrected for the others.

    Args:
        interval: Int, or None without a regularizer.
        learning_rate, beta_1, beta_2: Floats, those of a player without one.

    Source: Karras et al. 2020, appendix B, "Lazy regularization".
    """
    share = interval / (interval + 1) if interval else 1.0
    return Adam(learning_rate=share * learning_rate, beta_1=beta_1**share, beta_2=beta_2**share)
