"""Generators, discriminators, encoders and decoders that several families share."""

from keras_genzoo.networks.autoencoding import ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder
from keras_genzoo.networks.biggan import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    BigGANDiscriminator,
    BigGANGenerator,
)
from keras_genzoo.networks.colorization import ColorizationDiscriminator, ColorizationUNet
from keras_genzoo.networks.convolutional import ConvDiscriminator, ConvGenerator
from keras_genzoo.networks.dcgan import DCGANAuxiliaryDiscriminator, DCGANDiscriminator, DCGANGenerator
from keras_genzoo.networks.fastgan import FastGANDecoder, FastGANDiscriminator, FastGANGenerator
from keras_genzoo.networks.height_maps import HeightMapDiscriminator, HeightMapGenerator
from keras_genzoo.networks.inpainting import GatedInpainter, SNPatchGANDiscriminator
from keras_genzoo.networks.mlp import MLPDiscriminator, MLPGenerator
from keras_genzoo.networks.multi_scale_patchgan import MultiScalePatchGAN
from keras_genzoo.networks.patch_projector import PatchProjector
from keras_genzoo.networks.patchgan import PatchGANDiscriminator
from keras_genzoo.networks.progressive import (
    MultiScaleDiscriminator,
    ProgressiveDiscriminator,
    ProgressiveGenerator,
)
from keras_genzoo.networks.resnet import ResNetCritic, ResNetGenerator
from keras_genzoo.networks.sngan import SNGANDiscriminator, SNGANGenerator
from keras_genzoo.networks.spade import SPADEGenerator, StyleEncoder
from keras_genzoo.networks.stargan2 import (
    StarGANv2Discriminator,
    StarGANv2Generator,
    StarGANv2Mapping,
    StarGANv2StyleEncoder,
)
from keras_genzoo.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from keras_genzoo.networks.super_resolution import (
    CompactSuperResolver,
    CroppedDiscriminator,
    RRDBSuperResolver,
    SpectralUNetDiscriminator,
    SRResNet,
    VGGDiscriminator,
)
from keras_genzoo.networks.translation_resnet import LocalEnhancer, ResNetTranslator
from keras_genzoo.networks.unet import UNetGenerator
from keras_genzoo.networks.upsampling import StridedCritic, UpsamplingGenerator

__all__ = [
    "BigGANDeepDiscriminator",
    "BigGANDeepGenerator",
    "BigGANDiscriminator",
    "BigGANGenerator",
    "ColorizationDiscriminator",
    "ColorizationUNet",
    "CompactSuperResolver",
    "ConvDecoder",
    "ConvDiscriminator",
    "ConvEncoder",
    "ConvGenerator",
    "CroppedDiscriminator",
    "DCGANAuxiliaryDiscriminator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "FastGANDecoder",
    "FastGANDiscriminator",
    "FastGANGenerator",
    "GatedInpainter",
    "HeightMapDiscriminator",
    "HeightMapGenerator",
    "LocalEnhancer",
    "MLPDecoder",
    "MLPDiscriminator",
    "MLPEncoder",
    "MLPGenerator",
    "MultiScaleDiscriminator",
    "MultiScalePatchGAN",
    "PatchGANDiscriminator",
    "PatchProjector",
    "ProgressiveDiscriminator",
    "ProgressiveGenerator",
    "RRDBSuperResolver",
    "ResNetCritic",
    "ResNetGenerator",
    "ResNetTranslator",
    "SNGANDiscriminator",
    "SNGANGenerator",
    "SNPatchGANDiscriminator",
    "SPADEGenerator",
    "SRResNet",
    "SpectralUNetDiscriminator",
    "StarGANv2Discriminator",
    "StarGANv2Generator",
    "StarGANv2Mapping",
    "StarGANv2StyleEncoder",
    "StridedCritic",
    "StyleEncoder",
    "StyleGAN2Discriminator",
    "StyleGAN2Generator",
    "UNetGenerator",
    "UpsamplingGenerator",
    "VGGDiscriminator",
]
