from toy_presets import RELEASED_METADATA

from keras_genzoo.presets import card

COMPUTED = {
    "class": "ToyGAN",
    "usage": {"python": "images = model.sample(16, seed=0)", "shell": "genzoo sample {name}"},
    "parameters": {"generator": 1234567, "total": 1234567},
    "files": {"config.json": {"sha256": "ab12", "size": 2048}},
}

CARD = r"""# toy_gan

A toy.

## Use

```python
import keras_genzoo as kg

model = kg.models.load("toy_gan")
images = model.sample(16, seed=0)
```

```
genzoo sample toy_gan
```

## Parameters

| Network | Parameters |
| --- | --- |
| generator | 1,234,567 |
| total | 1,234,567 |

## Data set and license

- Data set name: Toy data
- Data set license: CC0
- License of the weights: Apache-2.0

## Training

- Recipe: `tools/recipes/toy_gan.py`
- Time: 1 s
- Hardware: 2 CPU cores

## Results

| Metric | Value | Protocol |
| --- | --- | --- |
| FID | 12.5 | 10,000 samples \| test split |

## Files

| File | Bytes | SHA-256 |
| --- | --- | --- |
| config.json | 2,048 | ab12 |
"""


def test_the_card_shows_the_metadata():
    assert card.render({"name": "toy_gan", **RELEASED_METADATA, **COMPUTED}) == CARD


def test_what_is_unknown_is_left_out():
    text = card.render({"name": "toy_gan", **COMPUTED})
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Use",
        "## Parameters",
        "## Files",
    ]
    assert "None" not in text and "samples.png" not in text


def test_a_picture_is_shown():
    files = {"samples.png": {"sha256": "cd34", "size": 1}}
    assert "![Samples of toy_gan](samples.png)" in card.render(
        {"name": "toy_gan", **COMPUTED, "files": files}
    )


def test_limitations_come_with_a_picture():
    files = {"failure.png": {"sha256": "cd34", "size": 1}}
    told = {"name": "toy_gan", **COMPUTED, "limitations": "No letters."}
    assert "## Limitations\n\nNo letters.\n\n## Parameters" in card.render(told)
    text = card.render({**told, "files": files})
    assert "## Limitations\n\nNo letters.\n\n![Failures of toy_gan](failure.png)\n\n## Parameters" in text


def test_a_column_of_one_result_is_empty_for_the_others():
    results = [
        {"metric": "FID", "value": 9, "protocol": "a"},
        {"metric": "KID", "value": 1, "protocol": "b", "paper": 2},
    ]
    text = card.render({"name": "toy_gan", **COMPUTED, "results": results})
    assert "| Metric | Value | Protocol | Paper |" in text and "| FID | 9 | a |  |" in text
