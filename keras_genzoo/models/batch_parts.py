"""Several updates of a discriminator or critic from one batch."""

from keras import ops


def batch_parts(images, labels, num, split):
    """Pairs of images and labels, one for each of `num` updates: parts of the batch, or each time all of it."""
    if not split:
        return [(images, labels)] * num
    label_parts = [None] * num if labels is None else ops.split(labels, num)
    return list(zip(ops.split(images, num), label_parts, strict=True))


def check_parts(num_images, parts, steps_argument):
    """Refuses a batch that cannot be split into `parts` equal ones.

    Args:
        num_images: Int, size of the batch of all replicas.
        parts: Int, updates per step times replicas.
        steps_argument: Name of the argument that is the number of updates, for the message.
    """
    if num_images % parts:
        raise ValueError(
            f"With `split_batches` a batch must be a multiple of the {parts} parts it is split into "
            f"(`{steps_argument}` on each replica). Received a batch of {num_images} images. Change the batch size, "
            "or drop the last partial batch (`drop_remainder=True`)."
        )
