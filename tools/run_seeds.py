"""Trains a recipe with several seeds and prints the results as a Markdown table.

Usage:
    python tools/run_seeds.py tools/recipes/ring_gan.toml --seeds 5 --output runs/ring_gan

Writes one run folder per seed (see `genzoo train`), resumes interrupted runs, and prints one Markdown row per result:
mean, smallest and largest value, and the time per run. For points it also writes `samples_over_training.png`, the
samples of the first seed at several epochs.
"""

import argparse
import json
import statistics
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from keras_genzoo import training, visualization


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="path of a recipe")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, starting from 0 (default: 5)")
    parser.add_argument("--output", help="folder of the runs (default: runs/NAME)")
    parser.add_argument("--data-dir", help="folder with the original files of the dataset")
    parser.add_argument("--panels", type=int, default=6, help="number of epochs in the picture (default: 6)")
    options = parser.parse_args()

    recipe = training.Recipe.load(options.recipe)
    output = Path(options.output or f"runs/{recipe.name}")
    for seed in range(options.seeds):
        of_seed = recipe.model_copy(update={"seed": seed, "model": {**recipe.model, "seed": seed}})
        if not (output / f"seed-{seed}" / "preset").exists():
            training.train(of_seed, output / f"seed-{seed}", options.data_dir, resume=True, verbose=0)
    print_results(recipe, [output / f"seed-{seed}" for seed in range(options.seeds)])
    if len(recipe.source.modality.shape) == 1:
        write_picture(output / "seed-0" / "samples", options.panels, output / "samples_over_training.png")


def print_results(recipe, runs):
    """Prints a Markdown row for each result of the runs."""
    results = [json.loads((run / "preset" / "metadata.json").read_text())["results"] for run in runs]
    seconds = []
    for run in runs:
        lines = [json.loads(line)["seconds"] for line in (run / "log.jsonl").read_text().splitlines()]
        seconds.append(statistics.median(lines) * len(lines))
    for of_all in zip(*results, strict=True):
        # An infinite value is a string in the metadata.
        values = [float(result["value"]) for result in of_all]
        print(
            f"| {recipe.name} | {of_all[0]['metric']} | {statistics.mean(values):.4g} | {min(values):.4g} | "
            f"{max(values):.4g} | {len(values)} | {statistics.median(seconds):.0f} s |"
        )


def write_picture(folder, num_panels, path):
    """Places the pictures of several epochs, including the first and the last, side by side."""
    pictures = sorted(folder.glob("epoch-*.png"))
    # Early epochs change the most: the panels are evenly spaced on a logarithmic scale.
    chosen = np.unique(np.geomspace(1, len(pictures), num_panels).round().astype(int)) - 1
    panels = [Image.open(pictures[index]).convert("RGB") for index in chosen]
    for index, panel in zip(chosen, panels, strict=True):
        ImageDraw.Draw(panel).text(
            (panel.width // 2, 4), f"epoch {index + 1}", "black", anchor="ma", font_size=20
        )
    visualization.save_grid(np.stack(panels), path, columns=len(panels))


if __name__ == "__main__":
    main()
