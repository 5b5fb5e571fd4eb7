"""Batches of pairs of images: from folders of pictures, read while training, and from arrays."""

import pathlib

from keras_genzoo.datasets import folder, pipeline


def paired_folder(
    path,
    image_size,
    target_path=None,
    source="left",
    batch_size=1,
    channels=3,
    source_channels=None,
    augment=False,
    shuffle=True,
    seed=0,
    initial_step=None,
    on_error="raise",
):
    """Batches of pairs of pictures that belong together, float32 in [-1, 1].

    A pair is either a file with both pictures side by side, or two files of the same name in two folders.
    Pictures are read as they are needed, so the folders may be larger than memory; at the start each is decoded
    once to find damaged files and sizes that do not fit. Transparency and animations are treated as in
    `image_folder`. Pictures are scaled to `image_size` as a whole, whatever their proportions.

    Args:
        path: Folder of the files, in sub-folders or not; with `target_path` those of the sources.
        image_size: Integer or pair `(height, width)` of the batches.
        target_path: Folder of the targets: for each source the file of the same place and name, whatever its
            suffix. None where files hold both pictures.
        source: `"left"` or `"right"`: the half of a file that is the source. Without meaning, and to be left out,
            with `target_path`.
        batch_size: Number of pairs per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for targets in colour or 1 for grey.
        source_channels: 3 or 1, for the sources. Defaults to `channels`.
        augment: Whether to scale both pictures to 286/256 of `image_size`, crop them at a random place, and mirror
            them with probability one half: the same for both, drawn anew each epoch (Isola et al. 2017,
            section 6.2).
        shuffle: Whether to shuffle. If False, pairs come in the order of their sorted names.
        seed: Integer that fixes the order and the augmentation.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`. The augmentation of a resumed dataset is the undisturbed one's too.
        on_error: `"raise"` refuses damaged files, files without a partner, partners of different sizes and files of
            an odd width, which cannot be halved, and names them; `"skip"` leaves them out with a warning.

    Returns:
        `tf.data.Dataset` of pairs `(sources, targets)`: `(batch_size, height, width, source_channels)` and
        `(batch_size, height, width, channels)`, float32 in [-1, 1].

    Raises:
        ValueError: If a folder is missing, holds no pictures, too few or unfit ones, or an argument is not among
            its values.

    Example:

    ```python
    facades = paired_folder("facades/train", 256, source="right", augment=True)  # label map on the right
    sketches = paired_folder("sketches", 256, target_path="photographs", source_channels=1, augment=True)
    model.fit(facades, epochs=200)
    ```
    """
    source_channels = channels if source_channels is None else source_channels
    folder.check_choice("channels", channels, (1, 3))
    folder.check_choice("source_channels", source_channels, (1, 3))
    folder.check_choice("source", source, ("left", "right"))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    if target_path is not None and source != "left":
        raise ValueError(
            f"`source` is for files with both pictures. Received source={source!r} with target_path="
            f"{str(target_path)!r}, and `path` holds the sources. Leave `source` out."
        )
    size = pipeline.height_and_width(image_size)
    own_size = prepared_size(size, augment)
    sources = _folder("path", path)
    if target_path is None:
        files = folder.find(sources, "path")
        files = folder.sound(files, _cannot_be_halved, on_error, "pairs cannot be used")
        columns = [files]
    else:
        partners = _partners(sources, _folder("target_path", target_path))
        partners = folder.sound(partners, _do_not_match, on_error, "pairs cannot be used")
        columns = [[found[domain][0] for found in partners] for domain in (0, 1)]

    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):
        paths = [tf.constant([str(file) for file in files], tf.string) for files in columns]

    def read(paths):
        if len(paths) == 2:
            pictures = [folder.read(path) for path in paths]
        else:
            picture = folder.read(paths[0])
            middle = tf.shape(picture)[1] // 2
            pictures = [picture[:, :middle], picture[:, middle:]]
            if source == "right":
                pictures.reverse()
        return tuple(
            _resized(folder.in_channels(picture, depth), own_size)
            for picture, depth in zip(pictures, (source_channels, channels), strict=True)
        )

    def fetch(choice):
        signature = tuple(
            tf.TensorSpec((*own_size, depth), tf.float32) for depth in (source_channels, channels)
        )
        chosen = [tf.gather(column, choice.indices) for column in paths]
        pairs = tf.map_fn(read, chosen, fn_output_signature=signature)
        return tuple(_finished(images, size, choice, augment) for images in pairs)

    return pipeline.batches((len(columns[0]),), fetch, batch_size, shuffle, seed, initial_step)


def unpaired_folders(
    path_a,
    path_b,
    image_size,
    batch_size=1,
    channels=3,
    augment=False,
    shuffle=True,
    seed=0,
    initial_step=None,
    on_error="raise",
):
    """Batches of pictures of two folders that do not belong together, float32 in [-1, 1].

    Each folder has an order of its own, and an epoch is as long as the larger folder: the smaller one begins
    again, in another order, when all its pictures have come. Else as `paired_folder`.

    Args:
        path_a: Folder of the pictures of one kind, in sub-folders or not.
        path_b: Folder of the pictures of the other kind.
        image_size: Integer or pair `(height, width)` of the batches.
        batch_size: Number of pictures of each kind per batch. The last, partial batch of an epoch is dropped.
        channels: 3 for colour or 1 for grey.
        augment: Whether to scale pictures to 286/256 of `image_size`, crop them at a random place and mirror
            them with probability one half, each by draws of its own, anew each epoch.
        shuffle: Whether to shuffle. If False, pictures come in the order of their sorted paths.
        seed: Integer that fixes the orders and the augmentation.
        initial_step: None for a finite dataset, an integer for an endless one that begins at this batch; see
            `from_arrays`.
        on_error: `"raise"` refuses a folder with damaged files and names them; `"skip"` leaves them out with
            a warning.

    Returns:
        `tf.data.Dataset` of pairs `(a, b)`, both `(batch_size, height, width, channels)`, float32 in [-1, 1].

    Raises:
        ValueError: If a folder is missing, holds no pictures, too few or damaged ones, or an argument is not
            among its values.

    Example:

    ```python
    dataset = unpaired_folders("summer", "winter", 256, augment=True)
    model.fit(dataset, epochs=200)
    ```
    """
    folder.check_choice("channels", channels, (1, 3))
    folder.check_choice("on_error", on_error, ("raise", "skip"))
    size = pipeline.height_and_width(image_size)
    own_size = prepared_size(size, augment)
    domains = [folder.find(_folder(*given), given[0]) for given in (("path_a", path_a), ("path_b", path_b))]
    domains = [
        folder.sound(files, folder.complaint, on_error, "pictures cannot be read") for files in domains
    ]

    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):
        paths = [tf.constant([str(file) for file in files], tf.string) for files in domains]

    def read(path):
        return _resized(folder.in_channels(folder.read(path), channels), own_size)

    def fetch(*choices):
        signature = tf.TensorSpec((*own_size, channels), tf.float32)
        domains = [
            tf.map_fn(read, tf.gather(column, choice.indices), fn_output_signature=signature)
            for column, choice in zip(paths, choices, strict=True)
        ]
        return tuple(
            _finished(images, size, choice, augment) for images, choice in zip(domains, choices, strict=True)
        )

    sizes = tuple(map(len, domains))
    return pipeline.batches(sizes, fetch, batch_size, shuffle, seed, initial_step)


def from_pairs(
    sources, targets, image_size, paired, batch_size, augment=False, shuffle=True, seed=0, initial_step=None
):
    """Batches of pairs of images of two arrays, float32 in [-1, 1].

    Args:
        sources: uint8 array `(n, *prepared_size(image_size, augment), channels)`.
        targets: The same of the targets, as many if `paired`.
        image_size: Pair `(height, width)` of the batches.
        paired: Whether images of the same index belong together; else each array has an order of its own.
        batch_size, augment, shuffle, seed, initial_step: As for `paired_folder`.
    """
    tf = pipeline.require("tensorflow")
    with tf.device("CPU"):
        domains = [tf.constant(sources), tf.constant(targets)]

    def fetch(*choices):
        return tuple(
            _finished(tf.gather(images, choice.indices), image_size, choice, augment)
            for images, choice in zip(domains, choices * 2 if paired else choices, strict=True)
        )

    sizes = (len(sources),) if paired else (len(sources), len(targets))
    return pipeline.batches(sizes, fetch, batch_size, shuffle, seed, initial_step)


def prepared_size(size, augment):
    """The size that pictures are scaled to before they are cropped to `size` (height, width)."""
    return tuple(round(side * 286 / 256) for side in size) if augment else size


def _finished(images, size, choice, augment):
    if augment:
        images = pipeline.mirror(pipeline.crop(images, size, choice), choice)
    return pipeline.scale(images, (0.0, 255.0))


def _resized(image, size):
    tf = pipeline.require("tensorflow")
    return tf.image.resize(image, size, method="bilinear", antialias=True)


def _folder(argument, path):
    """The folder of an argument, which may be given as a string."""
    if path is None:
        raise ValueError(f"`{argument}` must be a folder of pictures. Received {argument}=None.")
    return pathlib.Path(path).expanduser()


def _partners(sources, targets):
    """For each name in either folder, sorted, the list of the source files and that of the target files."""
    partners = {}
    for domain, (argument, root) in enumerate((("path", sources), ("target_path", targets))):
        for file in folder.find(root, argument):
            name = file.relative_to(root).with_suffix("")
            partners.setdefault(name, ([], []))[domain].append(file)
    return [partners[name] for name in sorted(partners)]


def _do_not_match(partners):
    """What is wrong with the files of one name, or None."""
    for files, others in (partners, partners[::-1]):
        if len(files) > 1:
            return f"{' and '.join(map(str, files))} (of the same name)"
        if not others:
            return f"{files[0]} (without a partner)"
    (source,), (target,) = partners
    sizes = []
    for file in (source, target):
        size, damage = folder.inspect(file)
        if damage:
            return f"{file} ({damage})"
        sizes.append(size)
    if sizes[0] != sizes[1]:
        heights_and_widths = " and ".join(f"{height}x{width}" for height, width in sizes)
        return f"{source} and {target} (of different sizes, {heights_and_widths})"


def _cannot_be_halved(file):
    """What is wrong with a file of two pictures side by side, or None."""
    size, damage = folder.inspect(file)
    if damage:
        return f"{file} ({damage})"
    if size[1] % 2:
        return f"{file} (of the odd width {size[1]}, which cannot be halved)"
