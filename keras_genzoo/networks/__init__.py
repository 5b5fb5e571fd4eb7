"""Generators and discriminators that families share."""

from keras_genzoo.networks.convolutional import ConvDiscriminator, ConvGenerator
from keras_genzoo.networks.dcgan import DCGANDiscriminator, DCGANGenerator

__all__ = ["ConvDiscriminator", "ConvGenerator", "DCGANDiscriminator", "DCGANGenerator"]
