"""Several updates of a discriminator or critic with one batch."""

from keras import ops


def batch_parts(images, labels, num, split):
    """Returns pairs of images and labels for `num` updates: parts of the batch if `split`, or the whole."""
    if not split:
        return [(images, labels)] * num
    label_parts = [None] * num if labels is None else ops.split(labels, num)
    return list(zip(ops.split(images, num), label_parts, strict=True))


def check_parts(num_images, parts, steps_argument):
    """Checks that a batch can be split into `parts` equal parts.

    Args:
        num_images: Int, size of the batch of all replicas.
        parts: Int, updates per step times replicas.
        steps_argument: Name of the argument with the number of updates, for the message.
    """
    if num_images % parts:
        raise ValueError(
            f"With `split_batches` the batch size must be a multiple of {parts}, the number of parts "
            f"(`{steps_argument}` per replica). Received a batch of {num_images} images. Change the batch size, or "
            "drop the last partial batch (`drop_remainder=True`)."
        )
