"""Views of one image of which a single one can be trusted: the image counterpart of the post's synthetic data."""

import numpy as np

from data.corruption import salt_and_pepper
from data.dataset import Dataset, Split, pixels

# Name of a cut -> name of a view -> its columns of the 28x28 image.
CUTS = {
    "halves": {"left": (0, 14), "right": (14, 28)},
    "thirds": {"left": (0, 10), "middle": (9, 19), "right": (18, 28)},
}


def cut(images: np.ndarray, name: str) -> Split:
    """The views of images (n, 28, 28, 1): name -> (n, 28, columns, 1)."""
    return {view: images[:, :, first:last] for view, (first, last) in CUTS[name].items()}


def keep_one(views: Split, rate: float, generator: np.random.Generator) -> Split:
    """Keeps one view of each sample, drawn at random; the others come from other images, with a trace of noise.

        source ~ Uniform(K);   x_i = y_i if i = source, else salt_and_pepper(y_i of another image, rate)

    So a corrupted view looks like evidence for a wrong class, and only its noise gives it away.

    Args:
        views: name -> (n, height, width, 1) in [0, 1].
        rate: share of pixels of a corrupted view set to 0 or 1, in [0, 1].
        generator: draws sources, other images and noise.

    Returns:
        The views by name and `source` int32 (n,), the index of the view that was kept.
    """
    count = len(next(iter(views.values())))
    source = generator.integers(0, len(views), count, dtype=np.int32)
    kept = {}
    for index, (name, view) in enumerate(views.items()):
        others = salt_and_pepper(view[generator.permutation(count)], rate, generator)
        kept[name] = np.where((source == index)[:, None, None, None], view, others)
    return {**kept, "source": source}


def one_good_view(dataset: Dataset, name: str, rate: float) -> Dataset:
    """Cuts a dataset of images into views and corrupts all but one view of every sample, the same in every run."""
    streams = {"train": 0, "validation": 1, "test": 2}

    def change(split_name: str, split: Split) -> Split:
        generator = np.random.default_rng([17, streams[split_name]])
        return {**keep_one(cut(pixels(split["image"]), name), rate, generator), "label": split["label"]}

    provenance = {**dataset.provenance, "cut": name, "corruption": "other image + salt and pepper", "rate": rate}
    return dataset.map(change, title=f"{dataset.title}, {name}, one good view", provenance=provenance)


def drop(split: Split, names: list[str], share: float, which: str, generator: np.random.Generator) -> Split:
    """Takes one view away from a share of the samples: its pixels become 0 and `present` says so.

    Args:
        split: views by name and `source`.
        names: the views.
        share: of samples that lose a view, in [0, 1].
        which: "random", any view, or "corrupted", one that is not the source.
        generator: draws samples and views.

    Returns:
        The views and `present`, bool (n, K).
    """
    count, views = len(split["source"]), len(names)
    if which == "random":
        lost = generator.integers(0, views, count)
    else:
        lost = (split["source"] + generator.integers(1, views, count)) % views
    chosen = generator.permutation(count) < round(share * count)
    present = ~(chosen[:, None] & (lost[:, None] == np.arange(views)))
    dropped = {name: split[name] * present[:, index, None, None, None] for index, name in enumerate(names)}
    return {**dropped, "present": present}
