"""An augmentation that tells what passes it."""

from keras import ops

from keras_genzoo.augmentation import Augmentation


class Blank(Augmentation):
    """Shows zeros, and counts the rows of logits that `update` is given."""

    def build(self, input_shape):
        self.told = self.add_weight((), "zeros", name="told")

    def draw(self, num, seed):
        return None

    def augment(self, images, drawn):
        return 0 * images

    def update(self, real_logits):
        self.told.assign_add(ops.cast(ops.shape(real_logits)[0], "float32"))
