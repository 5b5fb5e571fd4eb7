"""Networks whose config consists of the arguments of their constructor."""

import inspect

import keras


class Configurable:
    """Makes the arguments of a network's constructor its config.

    Saving and presets recreate the network from its arguments, including defaults, so that a later change of
    a default does not change a saved network.
    """

    def __new__(cls, *args, **kwargs):
        network = super().__new__(cls, *args, **kwargs)
        # Partial: the constructor reports missing arguments, and Keras calls `__new__` without any.
        arguments = inspect.signature(cls.__init__).bind_partial(network, *args, **kwargs)
        arguments.apply_defaults()
        del arguments.arguments["self"]
        # Bypasses the attribute tracking of Keras, which is not ready before the constructor runs.
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
    """Base class of functional networks.

    A subclass creates its layers in the constructor and calls `super().__init__(inputs, outputs, name=name)`.
    Keras then makes it a functional model. A network with its own `call` cannot use this base class.
    """
