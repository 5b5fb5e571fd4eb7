"""Regularizers that are applied every k-th step only."""

import functools

from keras import ops

from keras_genzoo.optimizers import Adam


class LazyRegularization:
    """Mixin for models with regularizers that are applied every k-th step, in separate updates.

    The family defines `regularizer_intervals`, and its step calls `is_due`:

    ```
    if self.is_due("r1"):
        self.minimize(lambda: self.r1_interval * self.r1(images), "discriminator")
    ...
    self.count_step()
    ```

    Steps with different regularizers are separate functions, each traced once, and Python selects the
    function: under `tf.distribute`, an optimizer cannot be applied in a conditional branch of a graph. An
    execution has one step.

    The log of a regularizer is its mean over the steps of an epoch that apply it. An epoch without such a step
    logs 0, because callbacks need the same names in each epoch.

    Reference: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020, arXiv:1912.04958,
    section 3.1 and appendix B.
    """

    several_steps_per_execution = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Saved, and also counted in Python: on JAX a variable cannot be read while `fit` runs.
        self.steps = self.add_counter("steps")
        # Bypasses the attribute tracking of Keras, which takes time.
        vars(self).update(_next_step=0, _due=frozenset())

    @property
    def regularizer_intervals(self):
        """Dict that maps the name of each regularizer to its interval in steps, or None if it is not used."""
        raise NotImplementedError

    def is_due(self, name):
        """Whether a regularizer is applied in the step that is running or being traced."""
        return name in self._due

    def count_step(self):
        """Counts a step. Called once per step."""
        self.steps.assign(self.steps.value + 1)

    def _apply(self, gradients, variables, player):
        # The last biases do not affect a regularizer: their gradient is None on TensorFlow and zero on JAX.
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
                # Bound methods compare equal, so JAX would reuse the first trace.
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
    """Creates Adam for a player with a regularizer that has a separate update every `interval`-th step.

    Of `interval + 1` updates, `interval` are for the main loss. The learning rate and betas are corrected
    accordingly.

    Args:
        interval: Int, or None without a regularizer.
        learning_rate, beta_1, beta_2: Floats, values for a player without a regularizer.

    Reference: Karras et al., "Analyzing and improving the image quality of StyleGAN", 2020, arXiv:1912.04958,
    appendix B.
    """
    share = interval / (interval + 1) if interval else 1.0
    return Adam(learning_rate=share * learning_rate, beta_1=beta_1**share, beta_2=beta_2**share)
