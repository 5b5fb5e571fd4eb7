"""What families check of the networks they are given."""


def join(x, labels):
    """What a network takes: labels make a list of two."""
    return x if labels is None else [x, labels]


def first_of(shape):
    """The shape of the first input."""
    return shape[0] if isinstance(shape, list) else shape


def check_label_inputs(num_classes, *networks):
    """Refuses networks that do not take labels where there are classes, or take them where there are none."""
    for network in networks:
        if len(network.inputs) != 1 + bool(num_classes):
            raise ValueError(
                f"`num_classes` is {num_classes}, but the network {network.name!r} has {len(network.inputs)} "
                "inputs: a conditional network takes a list of two, the second the labels. Pass `num_classes` "
                "together with conditional networks."
            )


def agreeing(argument, value, network, value_of_network, default=None):
    """Returns the argument, or the network's value where it is missing; refuses two that differ."""
    if network is None:
        if value is None and default is None:
            raise ValueError(f"`{argument}` is needed where no network is passed that has it.")
        return default if value is None else value
    if not network.built:
        raise ValueError(
            f"The network {network.name!r} must be built. Make it a functional model, or begin it with "
            "`keras.Input(...)`."
        )
    found = value_of_network()
    if value is not None and _comparable(value) != _comparable(found):
        raise ValueError(f"`{argument}` is {value}, but the network {network.name!r} has {found}.")
    return found


def _comparable(value):
    return tuple(value) if isinstance(value, tuple | list) else value
