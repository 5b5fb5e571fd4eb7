"""The card of a preset: its metadata as Markdown."""

from keras_genzoo.presets.folders import FAILURE, SAMPLES


def render(metadata: dict, address: str | None = None) -> str:
    """Renders the card of a preset.

    Args:
        metadata: Dictionary, the content of `metadata.json`. The card depends on nothing else.
        address: String, the name or address in the usage examples. Defaults to the name of the preset.

    Returns:
        String in Markdown format.
    """
    sections = [
        f"# {metadata['name']}",
        metadata.get("description"),
        f"![Samples of {metadata['name']}]({SAMPLES})" if SAMPLES in metadata["files"] else None,
        _usage(metadata, address or metadata["name"]),
        _section("Limitations", _limitations(metadata)),
        _section("Parameters", _table(_parameters(metadata["parameters"]))),
        _stored(metadata["stored"]) if "stored" in metadata else None,
        _section("Data set and license", _items(_data(metadata))),
        _section("Training", _items(_training(metadata))),
        _section("Results", _table(metadata.get("results"))),
        _section("Files", _table(_files(metadata["files"]))),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _usage(metadata, name):
    usage = metadata["usage"]
    text = f"""## Use

```python
import keras_genzoo as kg

model = kg.models.load("{name}")
{usage["python"].format(name=name)}
```

```
{usage["shell"].format(name=name)}
```"""
    if name == metadata["name"]:
        return text
    return f"""{text}

Loading needs `keras_genzoo`, with its extra `hub` for `hf://` addresses. `keras.saving.load_model` cannot read
presets."""


def _limitations(metadata):
    picture = f"![Failures of {metadata['name']}]({FAILURE})" if FAILURE in metadata["files"] else None
    return "\n\n".join(filter(None, [metadata.get("limitations"), picture]))


def _parameters(parameters):
    return [{"network": network, "parameters": f"{count:,}"} for network, count in parameters.items()]


def _stored(stored):
    """Describes the reduced files of a preset from the distribution of checkpoints."""
    float16_from = stored.get("float16_from")
    rounded = (
        f" Arrays of {float16_from:,} numbers or more are rounded to float16, which changes images by less than half "
        "a gray level. The results below are those of the weights before rounding."
        if float16_from
        else ""
    )
    networks = ", ".join(stored["networks"])
    return f"The files contain the weights of {networks}; other networks start untrained.{rounded}"


def _data(metadata):
    dataset = {f"data set {key}": value for key, value in metadata.get("dataset", {}).items()}
    license = {"license of the weights": metadata["license"]} if "license" in metadata else {}
    return {**dataset, **license}


def _training(metadata):
    recipe = {"recipe": f"`{metadata['recipe']}`"} if "recipe" in metadata else {}
    return {**recipe, **metadata.get("training", {})}


def _files(files):
    return [{"file": name, "bytes": f"{of['size']:,}", "SHA-256": of["sha256"]} for name, of in files.items()]


def _section(title, body):
    return f"## {title}\n\n{body}" if body else None


def _items(values):
    return "\n".join(f"- {_capitalized(key)}: {value}" for key, value in values.items())


def _table(rows):
    if not rows:
        return None
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [map(_capitalized, columns), ["---"] * len(columns)]
    lines += [[_cell(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value):
    if isinstance(value, dict):
        value = ", ".join(f"{key} {entry}" for key, entry in value.items())
    return str(value).replace("|", r"\|")


def _capitalized(text):
    return text[:1].upper() + text[1:]
