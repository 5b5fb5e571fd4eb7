"""TensorFlow: gradient tapes, `tf.distribute`, fused kernels."""

import contextlib
import functools
import threading

import tensorflow as tf

from keras_genzoo.backends import keras_private

# Largest batch for which normalizing images one by one is faster, measured on two CPU cores.
_FEW_IMAGES = 8


def train_step(step):
    """Adapts an imperative step `(self, data) -> logs` to the TensorFlow trainer."""

    @functools.wraps(step)
    def adapted_step(self, data):
        logs = step(self, data)
        if keras_private.is_multi_worker(tf.distribute.get_strategy()):
            # Keras reduces logs over workers along axis 0, which a scalar does not have.
            logs = {name: tf.reshape(value, (1,)) for name, value in logs.items()}
        return logs

    return adapted_step


test_step = train_step


def value_and_grad(function, variables, has_aux=False):
    """Evaluates `function()` and the gradient of its value with respect to variables.

    Args:
        function: Callable without arguments that returns a scalar, or a pair `(scalar, aux)`.
        variables: List of `keras.Variable`s.
        has_aux: Bool, whether `function` returns a pair.

    Returns:
        Tuple `(output of function, list of gradients)`. A gradient is None if the value does not depend on
        the variable.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        values = _watch(tape, variables)
        output = function()
    return output, tape.gradient(output[0] if has_aux else output, values)


def input_value_and_grad(function, inputs, has_aux=False):
    """Evaluates `function(inputs)` and the gradient of the sum of its value with respect to the inputs.

    The gradient is differentiable, as required by gradient penalties.

    Args:
        function: Callable that maps `inputs` to a tensor, or a pair `(tensor, aux)`.
        inputs: Tensor, or list of tensors.
        has_aux: Bool, whether `function` returns a pair.

    Returns:
        Tuple `(output of function, gradient)`. The gradient has the structure of `inputs`.
    """
    # New tensors: if `function` also closes over `inputs`, these are constants, as on JAX.
    inputs = tf.nest.map_structure(tf.identity, inputs)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        output = function(inputs)
    return output, tape.gradient(output[0] if has_aux else output, inputs)


def vjp(function, variables):
    """Runs `function()` once and keeps what its vector-Jacobian product needs.

    Args:
        function: Callable without arguments that returns a tensor, or a list of tensors.
        variables: List of `keras.Variable`s.

    Returns:
        Tuple `(output, pullback)`. `pullback(output_gradient)` returns the list of gradients with respect to
        the variables. It can be called once.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        values = _watch(tape, variables)
        output = function()

    def pullback(output_gradient):
        return tape.gradient(output, values, output_gradients=output_gradient)

    return output, pullback


def apply_gradients(optimizer, gradients, variables):
    """Updates variables with an optimizer that was built on them.

    Args:
        optimizer: `keras.optimizers.Optimizer`, including `LossScaleOptimizer`.
        gradients: List of tensors.
        variables: List of `keras.Variable`s.
    """
    if num_replicas() == 1 and not tf.executing_eagerly():
        # The sum over replicas in Keras passes all gradients through one IdentityN. Grappler (TensorFlow 2.21) infers
        # from it that every gradient precedes every update, removes control dependencies of updates on reads as
        # redundant, and then removes the IdentityN. A gradient that does not depend on the weights, such as that of
        # the last layer of a Wasserstein critic, may then update a weight before the step has read it.
        with keras_private.without_sum_over_replicas(optimizer):
            optimizer.apply(gradients, variables)
    else:
        optimizer.apply(gradients, variables)


def _watch(tape, variables):
    values = [variable.value for variable in variables]
    for value in values:
        tape.watch(value)
    return values


def batch_normalization(x, gamma, beta, epsilon):
    """Normalizes a channels-last batch of images by its own statistics, with the fused kernel.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`.
        gamma: Scale, float32, shape `(channels,)`.
        beta: Offset, float32, shape `(channels,)`.
        epsilon: Float added to the variance.

    Returns:
        Tuple `(output, mean, variance)`, with the biased variance (divided by the number of values).
    """
    output, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        x, gamma, beta, epsilon=epsilon, is_training=True
    )
    # The kernel returns the unbiased variance.
    count = tf.cast(tf.size(x) // tf.shape(x)[-1], variance.dtype)
    return output, mean, variance * ((count - 1.0) / count)


def instance_normalization(x, epsilon):
    """Normalizes each channel of each image of a channels-last batch by its own statistics.

    Args:
        x: Tensor of shape `(batch, height, width, channels)`.
        epsilon: Float added to the variance.

    Returns:
        Tensor of the shape and dtype of `x`. The statistics are float64 if `x` is, otherwise float32.
    """
    batch, channels = x.shape[0], x.shape[-1]
    if batch is not None and batch <= _FEW_IMAGES and x.dtype != tf.float64:
        # The batch normalization kernel, applied to one image at a time, needs one pass instead of several.
        one, zero = tf.ones((channels,)), tf.zeros((channels,))
        return tf.concat(
            [batch_normalization(image, one, zero, epsilon)[0] for image in tf.split(x, batch)], axis=0
        )
    values = x if x.dtype == tf.float64 else tf.cast(x, "float32")
    mean, variance = tf.nn.moments(values, axes=(1, 2), keepdims=True)
    return tf.cast((values - mean) * tf.math.rsqrt(variance + epsilon), x.dtype)


def fused_adam(variable, momentum, velocity, gradient, *, step, learning_rate, beta_1, beta_2, epsilon):
    """Updates a variable and its moments by one step of Adam, with the fused kernel.

    Args:
        variable: `tf.Variable`, as Keras passes it to `update_step` of an optimizer.
        momentum, velocity: `keras.Variable`s.
        gradient: Tensor.
        step, learning_rate, beta_1, beta_2, epsilon: Scalars; steps are counted from 1.

    Returns:
        Bool, whether the kernel was used. Sparse gradients are not supported.
    """
    if isinstance(gradient, tf.IndexedSlices):
        return False
    dtype = variable.dtype
    step = tf.cast(step, dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=momentum.value.handle,
        v=velocity.value.handle,
        beta1_power=tf.pow(tf.cast(beta_1, dtype), step),
        beta2_power=tf.pow(tf.cast(beta_2, dtype), step),
        lr=tf.cast(learning_rate, dtype),
        beta1=tf.cast(beta_1, dtype),
        beta2=tf.cast(beta_2, dtype),
        epsilon=tf.cast(epsilon, dtype),
        grad=tf.cast(gradient, dtype),
    )
    return True


def mean_over_replicas(value):
    """Returns the mean of a tensor over the replicas of the training step that is running, on each of them."""
    if num_replicas() == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


def num_replicas():
    """Number of replicas of the training step that is running."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def num_replicas_of(model):
    """Number of replicas on which `model` is trained."""
    return model.distribute_strategy.num_replicas_in_sync


def strategy_scope(model):
    """Context manager in which variables of `model` must be created."""
    return model.distribute_strategy.scope()


def gather_from_workers(model, numbers):
    """Gathers a list of non-negative integers from each worker of a model's strategy, in the order of the
    workers.
    """
    strategy = model.distribute_strategy
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return [numbers]
    own = tf.constant([len(numbers), *numbers], "int64")
    # Padded to equal length; the first number is the length without padding.
    own = tf.pad(own, [[0, _MOST_GATHERED + 1 - len(own)]])

    @tf.function
    def gather():
        context = tf.distribute.get_replica_context()
        return context.all_gather(own[None], axis=0)

    gathered = strategy.experimental_local_results(strategy.run(gather))[0].numpy()
    jobs = strategy.cluster_resolver.cluster_spec().as_dict()
    num_workers = sum(len(jobs.get(job, ())) for job in ("chief", "worker")) or 1
    first_replicas = gathered[:: len(gathered) // num_workers]
    return [row[1 : 1 + row[0]].tolist() for row in first_replicas]


# Errors of a step if other workers have been lost.
LOST_WORKER = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)

# Longest list that `gather_from_workers` supports.
_MOST_GATHERED = 16


def fold_in_replica(seed):
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return seed
    # Multiples of an odd constant do not collide modulo 2**32.
    offset = tf.cast(context.replica_id_in_sync_group, seed.dtype) * tf.constant(0x9E3779B9, seed.dtype)
    return seed + tf.stack([offset, tf.zeros_like(offset)])


def graph_function(function):
    """Compiles a function to a graph, which an export stores once for all signatures that call it."""
    return tf.function(function, autograph=False)


class TrainedModel:
    """Mixin for models that other threads use during training."""

    def between_steps(self):
        """Context manager in which variables have values, also while another thread trains; on TensorFlow
        they always do.
        """
        return contextlib.nullcontext()


def state_kept(model):
    """Context manager in which an error leaves a model with the values of the last step; on TensorFlow it
    always does.
    """
    return contextlib.nullcontext()


def checked_within(lowest, highest, values, name):
    """Returns integer values after an in-graph check that they are from `lowest` to `highest`.

    The values cannot be read before the check: TensorFlow does not order a lookup and an independent
    assertion.
    """
    in_range = tf.reduce_all((values >= lowest) & (values <= highest))
    message = f"`{name}` must be from {lowest} to {highest}. Received:"
    with tf.control_dependencies([tf.debugging.Assert(in_range, [message, values])]):
        return tf.identity(values)


class Compiled:
    """A function of tensors, compiled once and called with NumPy arrays, from any number of threads.

    Variables are read in each call, so that their values may change. Everything else that the function reads
    is fixed when it is traced. If it changes, create another instance.

    The number of rows of the arrays never causes a new trace. Another height or width causes one new trace,
    for all sizes.

    Args:
        function: Callable with arguments `(*tensors, **scalars)` that returns a tensor, or a tuple of
            tensors, with the number of rows of its inputs.
        model: `TrainedModel`, whose variables the function may read.
    """

    def __init__(self, function, model):
        self.function = function
        # Number of traces of the function.
        self.num_traces = 0
        self._shapes = None
        self._traced = None
        self._lock = threading.Lock()

    def __call__(self, arrays, tensors, largest=None):
        """Applies the function to NumPy arrays.

        Args:
            arrays: List of NumPy arrays with the same number of rows, with the same dtypes and ranks in each
                call.
            tensors: Dict of NumPy arrays that apply to all rows, passed by name, with the same names in each
                call.
            largest: Int, largest number of rows of later calls, or None.

        Returns:
            NumPy array, or tuple of NumPy arrays.
        """
        shapes = [array.shape[1:] for array in arrays]
        with self._lock:
            if self._shapes is not None:
                shapes = [_common(*pair) for pair in zip(self._shapes, shapes, strict=True)]
            if shapes != self._shapes:
                self._traced = self._trace(shapes, arrays, tensors)
                self._shapes = shapes
            traced = self._traced
        # A function that TensorFlow runs eagerly gets the values as they are passed.
        arrays, tensors = tf.nest.map_structure(tf.convert_to_tensor, (list(arrays), tensors))
        try:
            outputs = traced(*arrays, *tensors.values())
        except tf.errors.InvalidArgumentError:
            # A function traced for any size cannot check sizes. Called eagerly, layers raise a helpful error.
            outputs = self.function(*arrays, **tensors)
        return tf.nest.map_structure(lambda output: output.numpy(), outputs)

    def _trace(self, shapes, arrays, tensors):
        names = list(tensors)

        def flat(*values):
            if not tf.executing_eagerly():
                self.num_traces += 1
            return self.function(
                *values[: len(arrays)], **dict(zip(names, values[len(arrays) :], strict=True))
            )

        signature = [
            tf.TensorSpec((None, *shape), array.dtype) for shape, array in zip(shapes, arrays, strict=True)
        ]
        signature += [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors.values()]
        traced = tf.function(flat, input_signature=signature, autograph=False)
        traced.get_concrete_function()
        return traced


def _common(shape, other):
    """Returns the common shape, with None for sides that differ."""
    return tuple(side if side == another else None for side, another in zip(shape, other, strict=True))
