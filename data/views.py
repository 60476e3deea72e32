"""Two views of one image: its left and its right half."""

from data.dataset import DataError, Dataset, Split


def halves(dataset: Dataset) -> Dataset:
    """Left and right halves of images, the two views of CorrNet (Chandar et al. 2016, section 4).

    Returns:
        Dataset with `left`, `right` (n, height, width // 2, channels), for 28x28 images (n, 28, 14, 1), and `label`
        (n,) where there is one. The middle column of an odd width is in neither.
    """
    if dataset.train["image"].shape[2] < 2:
        raise DataError("images are 1 pixel wide, expected at least 2 to cut them into halves; give wider ones")
    return dataset.map(lambda _, split: cut(split), title=f"{dataset.title}, left and right halves")


def cut(split: Split) -> Split:
    """`left` and `right` in place of `image`."""
    half = split["image"].shape[2] // 2
    rest = {key: array for key, array in split.items() if key != "image"}
    return {"left": split["image"][:, :, :half], "right": split["image"][:, :, -half:], **rest}
