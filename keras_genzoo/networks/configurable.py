"""A functional network that is its hyper-parameters: they are all that its config holds."""

import inspect

import keras


class ConfigurableNetwork(keras.Model):
    """Base of functional networks whose constructor's arguments are their config.

    A subclass makes its layers in the constructor and calls `super().__init__(inputs, outputs, name=name)`;
    saving and presets rebuild it from the arguments it was made with, defaults included, so that a
    changed default does not change a saved network.
    """

    def __new__(cls, *args, **kwargs):
        network = super().__new__(cls, *args, **kwargs)
        # Partial: a missing argument is the constructor's to report, and Keras calls `__new__` without any.
        arguments = inspect.signature(cls.__init__).bind_partial(network, *args, **kwargs)
        arguments.apply_defaults()
        del arguments.arguments["self"]
        # Past Keras' attribute tracking, which is not ready before the constructor runs.
        vars(network)["_arguments"] = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in arguments.arguments.items()
        }
        return network

    def get_config(self):
        return dict(self._arguments)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
