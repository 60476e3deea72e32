"""What is measured on the test split, once, after the last epoch; `python -m capsnet.evaluate RUN [--data PATH]`."""

if __name__ == "__main__":  # before what loads TensorFlow
    from commands.evaluate import main

    main("capsnet")

import keras
import numpy as np

from capsnet import baselines
from capsnet.config import make_objective
from capsnet.model import decode
from data.dataset import pixels
from training import loop
from training.run import write_json

BATCH = 128
# Robustness and equivariance are measured on every tenth image of the test split; of a small one on at least this many.
SAMPLE = 100
TRANSFORMS = {
    "rotated": ("degrees", (-60, -40, -20, 20, 40, 60)),
    "shifted": ("shift", (-6, -4, -2, 2, 4, 6)),
    "scaled": ("scale", (0.6, 0.8, 1.2, 1.4)),
}
VOTERS = 100  # images whose couplings are looked at
SHIFTS = (-2, -1, 0, 1, 2)


def test_metrics(network, dataset, config, run=None) -> dict[str, float]:
    """All test metrics that fit the network and the data; the robustness table goes into the folder of `run`."""
    if "digits" in dataset.test:
        return pair_metrics(loop.evaluate(network, make_objective(config), dataset.test, BATCH))
    test = {**dataset.test, "image": pixels(dataset.test["image"])}
    outputs = loop.predict(network, test["image"], BATCH)
    metrics = {"test/error_percent": error_percent(outputs, test["label"])}
    if "reconstruction" in outputs:
        metrics |= reconstruction_metrics(network, outputs, dataset.train, test)
    images, labels = sample(test)
    if "capsules" in outputs:
        metrics |= equivariance_metrics(network, images, labels) | vote_metrics(network, images, labels)
    table = robustness_table(network, images, labels)
    if run:
        write_json(run.path / "robustness.json", table)
    for kind, row in table.items():
        metrics[f"test/{kind}_error_percent"] = float(np.mean(list(row.values())))
    return metrics


def pair_metrics(terms: dict[str, float]) -> dict[str, float]:
    """MultiMNIST: an image is right when its two longest capsules are its two classes; half right counts as wrong.

    `test/error_percent` and `test/pairs_wrong_percent` are that; `test/digits_wrong_percent` counts digits, not pairs.
    """
    wrong = 100 * (1 - terms["accuracy"])
    metrics = {"test/error_percent": wrong, "test/pairs_wrong_percent": wrong}
    metrics["test/digits_wrong_percent"] = 100 * (1 - terms["digits"])
    if "mse_1" in terms:
        metrics["test/mse_true_mask"] = (terms["mse_1"] + terms["mse_2"]) / 2
    return metrics


def scores(outputs) -> np.ndarray:
    """Capsule lengths, or the logits of a baseline: (n, classes)."""
    return outputs["lengths"] if "lengths" in outputs else outputs["logits"]


def error_percent(outputs, labels) -> float:
    """Share of images whose highest score is not that of their label, in percent."""
    return 100 * float(np.mean(scores(outputs).argmax(-1) != labels))


def reconstruction_metrics(network, outputs, train, test) -> dict[str, float]:
    """Mean squared error over pixels: drawn from the longest capsule, from the labelled one, and by class means."""
    image, label = test["image"], test["label"]
    labelled = decode_capsules(network, outputs["capsules"], label)
    template = baselines.class_means(train)[label]
    return {
        "test/mse": squared_error(image, outputs["reconstruction"]),
        "test/mse_true_mask": squared_error(image, labelled),
        "test/class_mean_mse": squared_error(image, template),
    }


def decode_capsules(network, capsules, label) -> np.ndarray:
    """What the decoder draws from capsule `label` of every image, in batches."""

    def draw(batch, training):
        return decode(network, batch["capsules"], batch["label"])

    return loop.predict(draw, {"capsules": capsules, "label": np.asarray(label, np.int32)}, BATCH)


def squared_error(image, other) -> float:
    """Mean over images and pixels."""
    return float(np.mean((image - other) ** 2, dtype=np.float64))


def sample(split) -> tuple[np.ndarray, np.ndarray]:
    """(images, labels), evenly spaced over the split: every tenth, or about SAMPLE of fewer than 10 SAMPLE."""
    step = min(10, max(1, len(split["label"]) // SAMPLE))
    return pixels(split["image"][::step]), split["label"][::step]


def transform(images, degrees=0.0, shift=0.0, scale=1.0) -> np.ndarray:
    """Images (n, height, width, channels) rotated about their centre, enlarged by `scale`, then shifted to the right.

    Bilinear; what comes from outside is 0.
    """
    from scipy import ndimage

    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    centre = (np.array(images.shape[1:3]) - 1) / 2
    matrix = np.eye(3)  # the first axis counts images
    matrix[1:, 1:] = turn
    move = np.array([0, shift])
    offset = np.array([0, *(centre - turn @ (centre + move))])
    channels = np.moveaxis(images.astype(np.float64), -1, 0)
    moved = [ndimage.affine_transform(channel, matrix, offset, order=1) for channel in channels]
    return np.stack(moved, axis=-1).astype(np.float32)


def robustness_table(network, images, labels) -> dict[str, dict[str, float]]:
    """Kind -> amount -> error in percent on transformed test images."""
    cases = [
        (kind, amount, {argument: amount}) for kind, (argument, amounts) in TRANSFORMS.items() for amount in amounts
    ]
    outputs = predict_each(network, [transform(images, **change) for _, _, change in cases])
    table = {kind: {} for kind in TRANSFORMS}
    for (kind, amount, _), answer in zip(cases, scores(outputs), strict=True):
        table[kind][str(amount)] = 100 * float(np.mean(answer.argmax(-1) != labels))
    return table


def predict_each(network, sets) -> dict[str, np.ndarray]:
    """Outputs for several equally large sets of images, each (sets, n, ...)."""
    outputs = loop.predict(network, np.concatenate(sets), BATCH)
    return {name: value.reshape(len(sets), -1, *value.shape[1:]) for name, value in outputs.items()}


def equivariance_metrics(network, images, labels) -> dict[str, float]:
    """How the capsule of the true class answers to shifts of 1 and 2 pixels to either side.

    Returns:
        `test/length_change_percent`: mean of | |v'| - |v| | / |v|; `test/pose_change`: mean distance of the unit
        vectors v' / |v'| and v / |v| (0 to 2); `test/shift_r2`: share of the shift's variance that a linear map of
        class and pose explains on images that it was not fitted to (1: the pose tells the shift; 0: it does not).
    """
    capsules = predict_each(network, [transform(images, shift=shift) for shift in SHIFTS])["capsules"]
    capsules = capsules[:, np.arange(len(labels)), labels]  # of the true class, (shifts, n, D)
    lengths = np.linalg.norm(capsules, axis=-1) + 1e-12
    units = capsules / lengths[..., None]
    still = SHIFTS.index(0)
    moved = [k for k in range(len(SHIFTS)) if k != still]
    return {
        "test/length_change_percent": 100 * float(np.mean(np.abs(lengths[moved] / lengths[still] - 1))),
        "test/pose_change": float(np.mean(np.linalg.norm(units[moved] - units[still], axis=-1))),
        "test/shift_r2": shift_r2(capsules, labels),
    }


def vote_metrics(network, images, labels) -> dict[str, float]:
    """Share of the votes that the true class gets in the last iteration, mean over the first 100 images.

    Returns:
        `test/true_class_share_percent`, 100 / C when routing prefers no class.
    """
    shares = vote_shares(network, images[:VOTERS])[-1]
    return {"test/true_class_share_percent": 100 * float(shares[np.arange(len(shares)), labels[:VOTERS]].mean())}


def vote_shares(network, images) -> np.ndarray:
    """Couplings averaged over the input capsules, weighted by their lengths: (iterations, n, C), sums over C are 1."""
    primary = loop.predict(keras.Model(network.input, network.get_layer("primary").output), images, BATCH)
    couplings = np.array(network.get_layer("digit").couplings(primary))  # (iterations, n, I, C)
    weights = np.linalg.norm(primary, axis=-1) + 1e-12  # (n, I)
    return np.einsum("rnic,ni->rnc", couplings, weights) / weights.sum(-1)[:, None]


def shift_r2(capsules, labels) -> float:
    """R^2 of reading the shift off the pose: ridge regression per class, fitted to a random half of the images.

    Args:
        capsules: of the true class, (shifts, n, D), in the order of SHIFTS.
        labels: (n,).
    """
    from sklearn.linear_model import Ridge

    classes = np.eye(labels.max() + 1, dtype=np.float32)[labels]  # (n, C)
    poses = np.einsum("nc,snd->sncd", classes, capsules).reshape(*capsules.shape[:2], -1)  # one block per class
    inputs = np.concatenate([poses, np.broadcast_to(classes, (*poses.shape[:2], classes.shape[1]))], axis=-1)
    target = np.broadcast_to(np.array(SHIFTS, np.float32)[:, None], poses.shape[:2])
    halves = np.array_split(np.random.default_rng(0).permutation(len(labels)), 2)
    fitted, unseen = ((inputs[:, half].reshape(-1, inputs.shape[-1]), target[:, half].ravel()) for half in halves)
    return float(Ridge(alpha=1e-3).fit(*fitted).score(*unseen))
