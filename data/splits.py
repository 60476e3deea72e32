"""Draws of rows: validation and test splits class by class, smaller splits, the first row of every class."""

import numpy as np

from data.dataset import DataError, Split, rows_of


def divide(train: Split, split: str, seed: int, share: int = 12) -> tuple[Split, Split]:
    """Splits the training rows into (kept, held).

    Args:
        train: arrays of equal length, with or without `label`.
        split: `stratified`: one in `share` is held, drawn class by class; `ordered`: the last sixth in file order.
        seed: of the draw.
        share: one in how many is held.
    """
    count = rows_of(train)
    if count < 24:
        raise DataError(f"{count} training images, expected at least 24 to divide; give more images")
    order = np.arange(count)
    if split == "ordered":
        kept, held = order[: count - count // 6], order[count - count // 6 :]
    else:
        kept, held = draw(train, count // share, seed)
    return rows(train, kept), rows(train, held)


def subset(split: Split, examples: int, seed: int, setting: str) -> Split:
    """`examples` rows of `split`, every class in proportion; 0: all. `setting` is what errors call `examples`."""
    count = rows_of(split)
    if examples and not 10 <= examples <= count:
        raise DataError(f"{setting} is {examples}, expected 0 (all) or 10 to {count}")
    if examples in (0, count):
        return split
    return rows(split, draw(split, examples, seed)[1])


def draw(split: Split, held: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted row numbers (kept, held) with `held` rows drawn in proportion to the classes, if there are labels."""
    from sklearn.model_selection import train_test_split

    labels, order = split.get("label"), np.arange(rows_of(split))
    try:
        kept, out = train_test_split(order, test_size=held, stratify=labels, random_state=seed)
    except ValueError as error:
        raise DataError(f"cannot draw {held} of {len(order)} images class by class: {error}") from None
    return np.sort(kept), np.sort(out)


def first_of_each_class(split: Split, most: int = 10) -> np.ndarray:
    """Row of the first image of every class, in the order of the classes, at most `most`; the first rows unlabelled."""
    if "label" not in split:
        return np.arange(min(most, rows_of(split)))
    return np.unique(split["label"], return_index=True)[1][:most]


def rows(split: Split, index: np.ndarray) -> Split:
    """The rows `index` of every array of `split`."""
    return {key: array[index] for key, array in split.items()}
