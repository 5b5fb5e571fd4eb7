"""Model families: subclassed Keras models that train with `fit`, load presets by name, and export."""

from keras_genzoo.models.acgan import ACGAN
from keras_genzoo.models.autoencoder import Autoencoder
from keras_genzoo.models.began import BEGAN
from keras_genzoo.models.biggan import BigGAN
from keras_genzoo.models.classifier import Classifier
from keras_genzoo.models.colorization_gan import ColorizationGAN
from keras_genzoo.models.cut import CUT
from keras_genzoo.models.cyclegan import CycleGAN
from keras_genzoo.models.deblur_gan import DeblurGAN
from keras_genzoo.models.ebgan import EBGAN
from keras_genzoo.models.fastgan import FastGAN
from keras_genzoo.models.gan import GAN
from keras_genzoo.models.generative_model import GenerativeModel
from keras_genzoo.models.infogan import InfoGAN
from keras_genzoo.models.inpainting_gan import InpaintingGAN
from keras_genzoo.models.latent_model import LatentModel
from keras_genzoo.models.msg_gan import MSGGAN
from keras_genzoo.models.pix2pix import Pix2Pix
from keras_genzoo.models.pix2pixhd import Pix2PixHD
from keras_genzoo.models.progressive_gan import ProgressiveGAN
from keras_genzoo.models.semi_supervised_gan import SemiSupervisedGAN
from keras_genzoo.models.sngan import SNGAN
from keras_genzoo.models.spade import SPADE
from keras_genzoo.models.srgan import ESRGAN, SRGAN
from keras_genzoo.models.stargan2 import StarGANv2
from keras_genzoo.models.stylegan2 import StyleGAN2
from keras_genzoo.models.super_resolution import SuperResolution
from keras_genzoo.models.terrain_gan import TerrainGAN
from keras_genzoo.models.translation_model import TranslationModel
from keras_genzoo.models.upscaling_model import UpscalingModel
from keras_genzoo.models.vae import VAE
from keras_genzoo.models.wae import WAEGAN, WAEMMD
from keras_genzoo.models.wgan import WGAN, WGANGP
from keras_genzoo.presets import load

__all__ = [
    "ACGAN",
    "BEGAN",
    "CUT",
    "EBGAN",
    "ESRGAN",
    "GAN",
    "MSGGAN",
    "SNGAN",
    "SPADE",
    "SRGAN",
    "VAE",
    "WAEGAN",
    "WAEMMD",
    "WGAN",
    "WGANGP",
    "Autoencoder",
    "BigGAN",
    "Classifier",
    "ColorizationGAN",
    "CycleGAN",
    "DeblurGAN",
    "FastGAN",
    "GenerativeModel",
    "InfoGAN",
    "InpaintingGAN",
    "LatentModel",
    "Pix2Pix",
    "Pix2PixHD",
    "ProgressiveGAN",
    "SemiSupervisedGAN",
    "StarGANv2",
    "StyleGAN2",
    "SuperResolution",
    "TerrainGAN",
    "TranslationModel",
    "UpscalingModel",
    "load",
]
