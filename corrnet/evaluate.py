"""How good are the codes of two views? One function, the same for every two-view method of the project.

The sum of unit-by-unit correlations, the literature's headline, can be raised by copying one good unit. It is
therefore always reported with the total canonical correlation and the effective rank (see `corrnet.cca`).

`python -m corrnet.evaluate RUN [--data PATH]` measures a trained network on any pairs of the same shape.
"""

if __name__ == "__main__":  # before what loads TensorFlow
    from commands.evaluate import main

    main("corrnet")

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from corrnet import cca
from data.dataset import answers, pixels
from training.quiet import solver

FOLDS = 5
OTHER = {"left": "right", "right": "left"}


class Codes(NamedTuple):
    """One-view codes of the same n samples.

    Attributes:
        left, right: (n, units).
        labels: (n,) integers, or None.
    """

    left: np.ndarray
    right: np.ndarray
    labels: np.ndarray | None


def evaluate(train, test, *, targets=None, rebuilt=None, project=False, prefix="test/"):
    """Every number the project reports about a pair of codes and, if given, about the reconstructions.

    Args:
        train: Codes of the training split; canonical directions, scales and the 50k-label classifier come from it.
        test: Codes that are measured.
        targets: {"left": (n, ...), "right": (n, ...)}, the true test views in [0, 1].
        rebuilt: {"left": {"left": (n, ...), "right": (n, ...)}, "right": ...}, [view given][view predicted].
        project: replace codes by their canonical variates (fitted on train) first. Methods that correlate codes
            only up to a rotation, such as deep CCA, need it: their raw units do not correspond.
        prefix: put before every name.

    Returns:
        {prefix + name: float}: `code_metrics`, `transfer_metrics`, `label_metrics`, `retrieval_metrics` and
        `reconstruction_metrics`.
    """
    with threadpool_limits(1):  # many small products: threads inside each would wait for each other
        if project:
            train, test = canonical_variates(train, test)
        metrics = code_metrics(train, test) | retrieval_metrics(train, test)
        if test.labels is not None:
            metrics |= transfer_metrics(test) | label_metrics(train, test)
    if rebuilt is not None:
        metrics |= reconstruction_metrics(targets, rebuilt)
    return {prefix + name: float(value) for name, value in metrics.items()}


def test_metrics(network, dataset, config=None, run=None):
    """`evaluate_network` of a CorrNet, as its training and its command line ask for it."""
    return evaluate_network(network, dataset)


def evaluate_network(network, dataset, *, project=False):
    """`evaluate` for a network with `encode(left=...)`, `encode(right=...)` and, optionally, `decode(codes)`.

    Args:
        network: see `encode_split` and `rebuild`.
        dataset: splits with "left", "right" and "label"; fitted on train, read on test.
        project: see `evaluate`.

    Returns:
        {"test/" + name: float}.
    """
    train, test = encode_split(network, dataset.train), encode_split(network, dataset.test)
    rebuilt = rebuild(network, test) if hasattr(network, "decode") else None
    return evaluate(train, test, targets=dataset.test, rebuilt=rebuilt, project=project)


def encode_split(network, split):
    """Codes of every sample of `split`; `network.encode(left=batch)` or `(right=batch)` gives (n, units)."""
    left = in_batches(lambda batch: network.encode(left=batch), split["left"])
    return Codes(left, in_batches(lambda batch: network.encode(right=batch), split["right"]), split.get("label"))


def rebuild(network, codes):
    """[view given][view predicted]: `network.decode(codes)` gives {"left": (n, ...), "right": (n, ...)}."""
    return {given: in_batches(network.decode, getattr(codes, given)) for given in OTHER}


def in_batches(function, array, size=500):
    """`function` of an array (n, ...), `size` rows at a time; NumPy arrays, or dicts of them, joined again."""
    parts = [function(pixels(array[start : start + size])) for start in range(0, len(array), size)]
    if isinstance(parts[0], dict):
        return {name: np.concatenate([answers(part[name]) for part in parts]) for name in parts[0]}
    return np.concatenate([answers(part) for part in parts])


def canonical_variates(train, *others):
    """`train` and `others` expressed in the canonical directions fitted on the training codes, strongest pair first."""
    fitted = cca.fit_cca(train.left, train.right, train.left.shape[1], standardise=True)
    return tuple(Codes(*fitted.transform(split.left, split.right), split.labels) for split in (train, *others))


def code_metrics(train, test):
    """sum_correlation, total_canonical_correlation (both up to the number of units) and effective_rank.

    The sum is over units of Pearson correlations on the test codes; canonical directions are fitted on the training
    codes and read on the test codes; the rank is the mean of both views' ranks on the test codes.
    """
    canonical = cca.canonical_correlations((train.left, train.right), (test.left, test.right))
    return {
        "sum_correlation": cca.unit_correlations(test.left, test.right).sum(),
        "total_canonical_correlation": canonical.sum(),
        "effective_rank": (cca.effective_rank(test.left) + cca.effective_rank(test.right)) / 2,
    }


def transfer_metrics(test):
    """The published transfer protocol: trained on codes of one view, tested on codes of the other, in percent.

    Five contiguous folds of the test split; a linear SVM (scikit-learn's LinearSVC with its defaults) is trained on
    four of them in one view and tested on the fifth, in the other view (transfer) and in the same one (within).

    Returns:
        transfer_left_to_right_percent, transfer_right_to_left_percent, within_left_percent, within_right_percent:
        accuracies, means over the folds.
    """
    fold = np.arange(len(test.labels)) * FOLDS // len(test.labels)

    def correct(job):
        view, held = job
        classifier = fit_linear_svm(getattr(test, view)[fold != held], test.labels[fold != held])
        return {
            seen: accuracy_percent(classifier, getattr(test, seen)[fold == held], test.labels[fold == held])
            for seen in (view, OTHER[view])
        }

    from sklearn.exceptions import ConvergenceWarning

    jobs = [(view, held) for view in OTHER for held in range(FOLDS)]
    with ThreadPoolExecutor() as pool, warnings.catch_warnings():  # the SVM releases Python's lock while it trains
        warnings.simplefilter("ignore", ConvergenceWarning)  # its default limit of iterations is part of the protocol
        results = dict(zip(jobs, pool.map(correct, jobs), strict=True))
    mean = {
        (view, seen): np.mean([results[view, held][seen] for held in range(FOLDS)]) for view in OTHER for seen in OTHER
    }
    return {
        "transfer_left_to_right_percent": mean["left", "right"],
        "transfer_right_to_left_percent": mean["right", "left"],
        "within_left_percent": mean["left", "left"],
        "within_right_percent": mean["right", "right"],
    }


def label_metrics(train, test):
    """The same four accuracies with all training labels: trained on the training codes, read on the test codes.

    The classifier is a logistic regression on units scaled to variance 1: ten times faster than the SVM on 50,000
    codes, and a little more accurate.

    Returns:
        The names of `transfer_metrics` with "all_labels_" in front; percent.
    """

    def accuracies(view):
        classifier = fit_logistic_regression(getattr(train, view), train.labels)
        across, within = (accuracy_percent(classifier, getattr(test, v), test.labels) for v in (OTHER[view], view))
        names = f"all_labels_transfer_{view}_to_{OTHER[view]}_percent", f"all_labels_within_{view}_percent"
        return dict(zip(names, (across, within), strict=True))

    with ThreadPoolExecutor() as pool:
        left, right = pool.map(accuracies, OTHER)
    return left | right


def retrieval_metrics(train, test, chunk=1000):
    """How often the other half of the same image is the nearest (R@1) or among the ten nearest (R@10), in percent.

    Nearness is the cosine of the codes after each unit is centred and scaled with the training codes. Candidates
    are all test samples. A tie counts against the code, so that constant codes score 0.

    Returns:
        retrieval_r1_left_to_right_percent, retrieval_r10_left_to_right_percent, and right to left.
    """
    unit = {}
    for view in OTHER:
        reference = getattr(train, view)
        z = (getattr(test, view) - reference.mean(axis=0)) / cca.scales(reference)
        unit[view] = (z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)).astype("float32")
    metrics = {}
    for query, found in OTHER.items():
        ranks = []
        for start in range(0, len(test.left), chunk):
            similarity = unit[query][start : start + chunk] @ unit[found].T  # (chunk, n)
            rows = np.arange(len(similarity))
            own = similarity[rows, start + rows]
            ranks.append((similarity >= own[:, None]).sum(axis=1))  # 1 = nothing else is as near
        ranks = np.concatenate(ranks)
        for best in (1, 10):
            metrics[f"retrieval_r{best}_{query}_to_{found}_percent"] = 100.0 * (ranks <= best).mean()
    return metrics


def reconstruction_metrics(targets, rebuilt):
    """Errors of the four ways to rebuild one view from one view.

    Args:
        targets: {"left": (n, ...), "right": (n, ...)} in [0, 1].
        rebuilt: [view given][view predicted], same shapes.

    Returns:
        self_mse_left, cross_mse_left_to_right, ...: mean over pixels and images of the squared error;
        self_norm_left, cross_norm_left_to_right, ...: mean over images of the Euclidean norm of the error, the
        number the CorrNet paper prints as "MSE".
    """
    metrics = {}
    for given in OTHER:
        for predicted in OTHER:
            error = np.asarray(rebuilt[given][predicted], np.float64) - pixels(targets[predicted])
            squares = np.square(error).reshape(len(error), -1)
            kind, where = ("self", given) if given == predicted else ("cross", f"{given}_to_{predicted}")
            metrics[f"{kind}_mse_{where}"] = squares.mean()
            metrics[f"{kind}_norm_{where}"] = np.sqrt(squares.sum(axis=1)).mean()
    return metrics


def single_view_metrics(train_both, train_labels, test, *, hidden_units=100, epochs=20, seed=0):
    """The CorrMCNN slides' protocol: an MLP learns from codes of both views and is tested on codes of one view.

    Args:
        train_both: (n, units) joint codes of the training split.
        train_labels: (n,).
        test: Codes of single views.
        hidden_units, epochs, seed: of scikit-learn's MLPClassifier with one hidden layer (two dense layers).

    Returns:
        single_view_left_percent, single_view_right_percent.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier((hidden_units,), max_iter=epochs, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is the intention
        classifier.fit(train_both, train_labels)
    return {
        f"single_view_{view}_percent": accuracy_percent(classifier, getattr(test, view), test.labels) for view in OTHER
    }


def fit_linear_svm(codes, labels):
    """LinearSVC with scikit-learn's defaults, as the published protocol.

    The default solver is the primal one for more samples than units; it is deterministic.
    """
    from sklearn.svm import LinearSVC

    return LinearSVC().fit(codes, labels)


def fit_logistic_regression(codes, labels):
    """Multinomial logistic regression on standardised units, to convergence or 300 iterations."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with solver("a logistic regression on codes", 300, "its accuracy is a lower bound"):
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(codes, labels)


def accuracy_percent(classifier, codes, labels):
    """Percent of `labels` (n,) that the classifier predicts from `codes` (n, units)."""
    return 100.0 * float((classifier.predict(codes) == labels).mean())
