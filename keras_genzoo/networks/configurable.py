"""Networks that are their hyper-parameters: they are all that a config holds."""

import inspect

import keras


class Configurable:
    """Makes the arguments of a network's constructor its config.

    Saving and presets rebuild it from the arguments it was made with, defaults included, so that a changed default
    does not change a saved network.
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


class ConfigurableNetwork(Configurable, keras.Model):
    """Base of functional networks.

    A subclass makes its layers in the constructor and calls `super().__init__(inputs, outputs, name=name)`. Keras
    then makes this class one of functional models, so that a network with a `call` of its own cannot have it as its
    base.
    """
