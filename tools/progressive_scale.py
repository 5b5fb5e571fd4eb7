"""Computes the training cost of a progressive GAN with the paper's widths at each level, as a Markdown table.

A multiply-add of convolutions and dense layers counts as 2 FLOP, including padding. A step is that of
`ProgressiveGAN`. The generator has one forward and one backward pass. The discriminator is trained on two batches (3
times its forward pass each), and is also evaluated by the gradient penalty (4 times; 6 times for the layers before
the minibatch standard deviation, which has a second derivative) and by the update of the generator (twice). Memory is
a lower bound, the activations kept for the gradients.

Usage:
    python tools/progressive_scale.py --teraflops 200
"""

import argparse

FMAP_BASE, FMAP_MAX, LATENT_DIM = 8192, 512, 512
NUM_LEVELS = 9
# Number of training images per level, including those of the fade (Karras et al. 2018, appendix A.1).
IMAGES = [800_000] + [1_600_000] * (NUM_LEVELS - 1)
CHANNELS = [min(FMAP_BASE // 2 ** (level + 1), FMAP_MAX) for level in range(NUM_LEVELS)]


def generator_cost(level):
    """Returns the FLOP of a forward pass per image, and the number of values that it keeps."""
    flop = 16 * LATENT_DIM * CHANNELS[0] + 16 * 9 * CHANNELS[0] ** 2
    kept = 16 * CHANNELS[0] * 4
    for index in range(1, level + 1):
        pixels, below, own = (4 * 2**index) ** 2, CHANNELS[index - 1], CHANNELS[index]
        # Upsampling is a transposed convolution: 16 weights for a quarter of the pixels.
        flop += pixels // 4 * 16 * below * own + pixels * 9 * own**2
        # The output of each convolution, before and after its normalization.
        kept += pixels * own * 4
    return 2 * (flop + (4 * 2**level) ** 2 * CHANNELS[level] * 3), kept


def discriminator_cost(level):
    """Returns the same for the discriminator, and the FLOP before the minibatch standard deviation."""
    pixels = (4 * 2**level) ** 2
    flop = pixels * 3 * CHANNELS[level]
    kept = pixels * CHANNELS[level]
    for index in range(level, 0, -1):
        pixels, below, own = (4 * 2**index) ** 2, CHANNELS[index - 1], CHANNELS[index]
        flop += pixels * 9 * (own**2 + own * below)
        kept += pixels * (own + below) + pixels // 4 * below
    end = 16 * 9 * (CHANNELS[0] + 1) * CHANNELS[0] + 16 * CHANNELS[0] ** 2
    return 2 * (flop + end), kept + 32 * CHANNELS[0], 2 * flop


def step_cost(level):
    """Returns the FLOP of a step per image, and the number of values kept."""
    generator, kept_by_generator = generator_cost(level)
    discriminator, kept, before_deviation = discriminator_cost(level)
    flop = 3 * generator + (6 + 4 + 2) * discriminator + 2 * before_deviation
    # Two batches, and the forward and backward pass of the penalty.
    return flop, kept_by_generator + 4 * kept


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--teraflops", type=float, default=200.0, help="sustained speed of a device (default: 200)"
    )
    options = parser.parse_args()
    print(
        "| side | channels | step, GFLOP per image | activations, MB per image (bfloat16) | level, EFLOP | level, hours |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    total = 0
    for level in range(NUM_LEVELS):
        flop, kept = step_cost(level)
        of_level = flop * IMAGES[level]
        total += of_level
        print(
            f"| {4 * 2**level} | {CHANNELS[level]} | {flop / 1e9:.1f} | {2 * kept / 1e6:.1f} "
            f"| {of_level / 1e18:.2f} | {of_level / (options.teraflops * 1e12) / 3600:.2f} |"
        )
    print(f"| all | | | | {total / 1e18:.2f} | {total / (options.teraflops * 1e12) / 3600:.1f} |")


if __name__ == "__main__":
    main()
