"""Two views of one image: its left and its right half."""

from data.dataset import Dataset


def halves(dataset: Dataset) -> Dataset:
    """Left and right halves of 28x28 images, the two views of CorrNet (Chandar et al. 2016, section 4).

    Returns:
        Dataset with `left`, `right` float32 (n, 28, 14, 1) in [0, 1] and `label` int32 (n,).
    """
    return dataset.map(
        lambda _, split: {
            "left": split["image"][:, :, :14],
            "right": split["image"][:, :, 14:],
            "label": split["label"],
        },
        title=f"{dataset.title}, left and right halves",
    )
