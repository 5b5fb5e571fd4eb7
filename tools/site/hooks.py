"""Pages of the site that are made when it is built: gallery, cards, reference, notebooks, and files of the top.

Links are written as the repository's host follows them, from file to file; here they become links between pages.
"""

import ast
import fnmatch
import html
import json
import posixpath
import re
from pathlib import Path

import latex2mathml.converter
from mkdocs.structure.files import File, InclusionLevel

# Files beside `docs` that have a page of another name.
_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}
# Beside what `keras_genzoo` names in `__all__`.
_MORE_MODULES = ("conditions", "export", "modalities", "recipes")
# Classes that the constructors' documentation refers to, and that are no public names.
_BASES = {"models": ("keras_genzoo.models.adversarial_model.AdversarialModel",)}
_LONG = {path.rsplit(".", 1)[1]: path for paths in _BASES.values() for path in paths}

# Released models whose samples are too poor for the gallery.
_NOT_IN_GALLERY = ("pix2pix_noto_to_twemoji", "progressive_gan_emoji_64")

# Modules whose names for users are shorter than their paths.
_SHORT = re.compile(r"^keras_genzoo\.(pictures|pixels)\b")

# Where a cell of a notebook begins; what follows in the line says of which kind it is.
_CELL = re.compile(r"^# %%", re.MULTILINE)
_LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`(?!\]))", re.MULTILINE | re.DOTALL)
# What is a link, a listing or a heading already; names in full; on pages of the reference, other classes.
_NAME = re.compile(
    r"<(a|pre|h\d)\b.*?</\1>|<code>(?P<full>keras_genzoo(?:\.\w+)+)</code>|<code>(?P<short>[A-Z]\w+)</code>",
    re.DOTALL,
)
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\(?:\(|\[)(.*?)\\(?:\)|\])</\1>', re.DOTALL)


def on_files(files, config):
    root = _root(config)
    for path, address in _PAGES.items():
        if address not in files.src_uris:
            _add_page(files, config, address, (root / path).read_text("utf-8"))
    for name in ("site.css", "iframe-worker.js"):
        _add_file(files, config, f"assets/{name}", Path(__file__).parent / name)
    for metadata in _checkpoints(root):
        folder = f"checkpoints/{metadata['name']}"
        _add_page(files, config, f"{folder}.md", (root / folder / "README.md").read_text("utf-8"))
        for picture in ("samples.png", "failure.png"):
            if picture in metadata["files"]:
                _add_file(files, config, f"{folder}/{picture}", root / folder / picture)
    _add_page(files, config, "gallery.md", _gallery(root))
    for path, address in _notebooks(root).items():
        _add_page(files, config, address, _page_of_notebook((root / path).read_text("utf-8")))
    for address, text in _reference(root):
        _add_page(files, config, address, text)
    config.nav = _filled(config.nav, sorted(files.src_uris))
    return files


def on_page_markdown(markdown, page, config, files):
    root = _root(config)
    repository = _repository(root)
    linked = repository | _made_from(root)
    source = page.file.src_uri
    at = f"docs/{source}"
    if page.file.generated_by:
        at = next((path for path, address in repository.items() if address == source), at)

    def rewritten(match):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(at), match[2]))
        address = linked.get(target, target.removeprefix("docs/"))
        if address == target and address not in files.src_uris and (root / target).is_file():
            _add_file(files, config, target, root / target)
        return match[1] + posixpath.relpath(address, posixpath.dirname(source) or ".") + match[3]

    parts = _CODE.split(markdown)
    return "".join(part if index % 2 else _LINK.sub(rewritten, part) for index, part in enumerate(parts))


def on_page_content(content, page, config, files):
    content = _FORMULA.sub(_as_mathml, content)
    return _NAME.sub(lambda match: _as_link(match, page, files), content)


def _as_mathml(match):
    """Browsers show MathML by themselves, without a script."""
    display = "inline" if match[1] == "span" else "block"
    formula = latex2mathml.converter.convert(html.unescape(match[2]).strip(), display=display)
    return f'<{match[1]} class="formula">{formula}</{match[1]}>'


def _as_link(match, page, files):
    """A name in code becomes a link to its entry in the reference, if it has one."""
    module = page.meta.get("module")
    if not (match["full"] or (match["short"] and module)):
        return match[0]
    if match["full"] and (reference := files.get_file_from_path(f"api/{match['full'].split('.', 1)[1]}.md")):
        return f'<a href="{reference.url_relative_to(page.file)}">{match[0]}</a>'
    name = _LONG.get(match["short"]) or _SHORT.sub(
        r"keras_genzoo.images.\1", match["full"] or f"{module}.{match['short']}"
    )
    return f'<autoref optional identifier="{name}">{match[0]}</autoref>'


def _root(config):
    return Path(config.docs_dir).parent


def _repository(root):
    """Files outside `docs` that have pages, and the pages."""
    cards = {
        f"checkpoints/{each['name']}/README.md": f"checkpoints/{each['name']}.md"
        for each in _checkpoints(root)
    }
    return _PAGES | cards | _notebooks(root)


def _notebooks(root):
    """The sources of the notebooks, and their pages."""
    sources = sorted((root / "docs/notebooks").glob("*.py"))
    return {f"docs/notebooks/{path.name}": f"notebooks/{path.stem}.md" for path in sources}


def _page_of_notebook(text):
    """Markdown of a Python file with cells: prose of the Markdown cells, listings of the others."""
    parts = []
    for cell in _CELL.split(text)[1:]:
        kind, _, body = cell.partition("\n")
        if kind.strip() == "[markdown]":
            parts.append(re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE))
        else:
            parts.append(f"```python\n{body.strip()}\n```")
    return "\n\n".join(parts)


def _made_from(root):
    """Files and folders that the gallery and the reference are made from, and their pages."""
    reference = {path.relative_to(root).as_posix(): f"api/{name}.md" for name, path in _modules(root)}
    return {"checkpoints": "gallery.md", "keras_genzoo/__init__.py": "api/index.md", **reference}


def _add_page(files, config, address, text):
    files.append(File.generated(config, address, content=text))


def _add_file(files, config, address, path):
    files.append(File.generated(config, address, abs_src_path=str(path), inclusion=InclusionLevel.NOT_IN_NAV))


def _filled(nav, addresses):
    """The navigation, with the pages that its patterns match; a section without pages is left out."""
    filled = []
    for entry in nav:
        if isinstance(entry, dict):
            ((title, content),) = entry.items()
            pages = _filled(content, addresses) if isinstance(content, list) else content
            filled += [{title: pages}] if pages else []
        else:
            matches = fnmatch.filter(addresses, entry)
            # The page of a folder stands before the others.
            filled += sorted(matches, key=lambda address: not address.endswith("/index.md"))
    return filled


def _checkpoints(root):
    paths = sorted((root / "checkpoints").glob("*/metadata.json"))
    return [json.loads(path.read_text("utf-8")) for path in paths]


def _has_picture(metadata):
    return "samples.png" in metadata["files"]


def _gallery(root):
    introduction = (
        "# Gallery\n\nThe released models. Each model has a card with all its results and their protocol. "
        "[Results](results.md) compares the models."
    )
    shown = [each for each in _checkpoints(root) if each["name"] not in _NOT_IN_GALLERY]
    shown.sort(key=_has_picture, reverse=True)
    cards = " and ".join(f"[{name}](checkpoints/{name}.md)" for name in _NOT_IN_GALLERY)
    not_shown = f"## Not shown\n\nThe samples of {cards} are poor. The cards contain them, with all results."
    return "\n\n".join([introduction, *map(_gallery_entry, shown), not_shown])


def _gallery_entry(metadata):
    name = metadata["name"]
    picture = f"\n\n[![Samples of {name}](checkpoints/{name}/samples.png)](checkpoints/{name}.md)"
    facts = {
        "Class": f"[`{metadata['class']}`][keras_genzoo.models.{metadata['class']}]",
        "Data": f"`{metadata['dataset']['name']}`",
        "Result": ", ".join(f"{each['metric']} {each['value']}" for each in metadata["results"][:1]),
        "License": metadata["license"],
    }
    lines = "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)
    usage = metadata["usage"]
    return f"""## [{name}](checkpoints/{name}.md)

{metadata["description"]}{picture if _has_picture(metadata) else ""}

{lines}

```python
model = kg.models.load("{name}")
{usage["python"].format(name=name)}
```

```sh
{usage["shell"].format(name=name)}
```"""


def _reference(root):
    """Pairs of an address and the text of the page, for each public module."""
    rows = []
    for name, path in _modules(root):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        summary = ast.get_docstring(ast.parse(path.read_text("utf-8"))).splitlines()[0]
        rows.append(f"| [`{name}`]({name}.md) | {summary} |")
        bases = "".join(
            f"\n\n::: {base}\n    options:\n      show_root_heading: true\n      show_root_toc_entry: true"
            for base in _BASES.get(name, ())
        )
        heading = f"---\nmodule: {module}\n---\n\n# keras_genzoo.{name}"
        yield f"api/{name}.md", f"{heading}\n\n::: {module}{bases}\n"
    table = "\n".join(["| module | content |", "| --- | --- |", *rows])
    yield "api/index.md", f"# Reference\n\nThe public names, from their docstrings.\n\n{table}\n"


def _modules(root):
    """Pairs of a public module's short name and its file."""
    package = root / "keras_genzoo"
    for name in sorted([*_public_names(package / "__init__.py"), *_MORE_MODULES]):
        paths = (f"{name}/__init__.py", f"{name}.py", f"images/{name}.py")
        yield name, next(package / path for path in paths if (package / path).is_file())


def _public_names(path):
    tree = ast.parse(path.read_text("utf-8"))
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    return [name for name in names if not name.startswith("_")]
