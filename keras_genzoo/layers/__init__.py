"""Layers that Keras does not have, or that differ from those of Keras for use in GANs."""

from keras_genzoo.layers.activation import LeakyReLU
from keras_genzoo.layers.attention import SelfAttention
from keras_genzoo.layers.blur import BilinearUpSampling2D, BlurPool2D
from keras_genzoo.layers.conditional import ConditionalBatchNormalization, ModulatedBatchNormalization
from keras_genzoo.layers.contextual_attention import ContextualAttention
from keras_genzoo.layers.convolution import Conv2DTranspose, ResizeConv2D
from keras_genzoo.layers.dropout import Dropout, GaussianNoise, sampling_seeds
from keras_genzoo.layers.equalized import EqualizedConv2D, EqualizedDense, EqualizedProjection
from keras_genzoo.layers.gated import GatedConv2D
from keras_genzoo.layers.history import ImageHistory
from keras_genzoo.layers.label_maps import LabelMapEncoding
from keras_genzoo.layers.minibatch import MinibatchDiscrimination, MinibatchStandardDeviation, Pack
from keras_genzoo.layers.mixture import GaussianMixture
from keras_genzoo.layers.noise import NoiseInjection
from keras_genzoo.layers.normalization import (
    AdaptiveInstanceNormalization,
    BatchNormalization,
    InstanceNormalization,
    PixelNormalization,
)
from keras_genzoo.layers.reshaping import Cropping2D, PixelShuffle, PixelUnshuffle, ReflectionPadding2D
from keras_genzoo.layers.spectral import (
    SpectralConv2D,
    SpectralDense,
    SpectralEmbedding,
    SpectralResizeConv2D,
)
from keras_genzoo.layers.styled import StyledConv2D
from keras_genzoo.layers.weight_normalization import WeightNormalizedDense

__all__ = [
    "AdaptiveInstanceNormalization",
    "BatchNormalization",
    "BilinearUpSampling2D",
    "BlurPool2D",
    "ConditionalBatchNormalization",
    "ContextualAttention",
    "Conv2DTranspose",
    "Cropping2D",
    "Dropout",
    "EqualizedConv2D",
    "EqualizedDense",
    "EqualizedProjection",
    "GatedConv2D",
    "GaussianMixture",
    "GaussianNoise",
    "ImageHistory",
    "InstanceNormalization",
    "LabelMapEncoding",
    "LeakyReLU",
    "MinibatchDiscrimination",
    "MinibatchStandardDeviation",
    "ModulatedBatchNormalization",
    "NoiseInjection",
    "Pack",
    "PixelNormalization",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReflectionPadding2D",
    "ResizeConv2D",
    "SelfAttention",
    "SpectralConv2D",
    "SpectralDense",
    "SpectralEmbedding",
    "SpectralResizeConv2D",
    "StyledConv2D",
    "WeightNormalizedDense",
    "sampling_seeds",
]
