"""16-bit storage of the large weights of exported networks: half the file size, with float32 computations.

With int16, each row of an array has its own scale. This is about eight times as precise as float16, which spends part
of its range on values much smaller than typical weights.
"""

import numpy as np

DTYPES = ("float32", "float16", "int16")
# Smaller arrays, such as biases and normalization constants, take little space and affect outputs most.
LARGE = 1024


def stored(array, dtype):
    """Converts a float32 array to 16 bits.

    Args:
        array: NumPy array of at least one axis.
        dtype: `"float16"` or `"int16"`.

    Returns:
        Tuple of the NumPy array of `dtype`, and the float32 array to multiply it with or None.
    """
    if dtype == "float16":
        return array.astype(dtype), None
    largest = np.abs(array).max(tuple(range(1, array.ndim)) or None, keepdims=True)
    scale = np.where(largest, largest, 1).astype("float32") / np.float32(np.iinfo(dtype).max)
    return np.round(array / scale).astype(dtype), scale


def store_onnx(graph, dtype):
    """Stores the large weights of an ONNX graph in 16 bits. The runtime casts them once, when it loads the graph."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = []
    for weight in [*graph.initializer]:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < LARGE:
            continue
        name = weight.name
        array, scale = stored(numpy_helper.to_array(weight), dtype)
        weight.CopyFrom(numpy_helper.from_array(array, f"{name}:{dtype}"))
        cast = name if scale is None else f"{name}:cast"
        nodes.append(helper.make_node("Cast", [weight.name], [cast], to=TensorProto.FLOAT))
        if scale is not None:
            graph.initializer.append(numpy_helper.from_array(scale, f"{name}:scale"))
            nodes.append(helper.make_node("Mul", [cast, f"{name}:scale"], [name]))
    nodes.extend(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def store_openvino(model, dtype):
    """Stores the large weights of an OpenVINO model in 16 bits."""
    import openvino
    from openvino import opset8 as opset

    for weight in model.get_ops():
        if weight.get_type_name() != "Constant" or weight.get_element_type() != openvino.Type.f32:
            continue
        if weight.data.size < LARGE:
            continue
        readers = weight.output(0).get_target_inputs()
        array, scale = stored(weight.data, dtype)
        value = opset.convert(opset.constant(array), "f32")
        if scale is not None:
            value = opset.multiply(value, opset.constant(scale))
        for reader in readers:
            reader.replace_source_output(value.output(0))
