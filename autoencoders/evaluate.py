"""What is measured on the test split after training; `python -m autoencoders.evaluate RUN [--data PATH]`."""

if __name__ == "__main__":  # before what loads TensorFlow
    from commands.evaluate import main

    main("autoencoders")

from pathlib import Path

import numpy as np

from autoencoders import baselines
from autoencoders.codec import archive, classical, entropy
from autoencoders.config import make_objective
from data.corruption import CORRUPTIONS
from data.dataset import DataError, Dataset, Split, answers, as_bytes, pixels
from data.images import load as load_images
from training.quiet import solver
from training.run import Run, write_atomic

ACTIVE_SHARE = 0.05  # of the largest activation: above it a sparse unit counts as active
ACTIVE_VARIANCE = 0.01  # of a unit's mean over images: above it a latent unit is active (Burda et al. 2016)
PROBE_STEPS = 100  # of the linear classifier


def in_batches(function, images: np.ndarray, size: int = 500) -> np.ndarray:
    """`function` of all images, `size` at a time, as one array."""
    batches = (pixels(images[first : first + size]) for first in range(0, len(images), size))
    return np.concatenate([answers(function(batch)) for batch in batches])


def test_metrics(network, dataset: Dataset, config, run: Run | None = None) -> dict[str, float]:
    """The metrics of a trained autoencoder that suit its settings; an archive goes into the folder of `run`."""
    metrics, labelled, objective = {}, "label" in dataset.train, make_objective(config)
    if config.binarize:
        return likelihood(network, objective, dataset, config)
    if config.corruption != "none":
        metrics |= denoising(network, dataset, config)
    if not (config.corruption != "none" and config.network == "unet"):
        metrics |= reconstruction(network, dataset, config.code)
    if config.kind == "gaussian":
        metrics |= variational(network, objective, dataset)
    if config.code == 2 and labelled:
        metrics |= neighbours(network, dataset)
    if config.archive and run:
        metrics |= write_archive(network, dataset, config, run.path / "images.aez")
    if config.probe:
        metrics |= sparsity(network, dataset)
    if config.probe and labelled:
        metrics["test/probe_error_percent"] = probe_error(network, dataset, config.probe_c)
    return metrics


def reconstruction(network, dataset: Dataset, code: int) -> dict[str, float]:
    """Error of clean test images; `pca_sse` is that of as many principal components."""
    images = pixels(dataset.test["image"])
    mse = baselines.mean_squared_error(in_batches(network.reconstruct, images), images)
    return {
        "test/mse": mse,
        "test/sse": mse * images[0].size,
        "test/psnr_db": baselines.psnr(mse),
        "test/pca_sse": baselines.pca_mse(dataset, code) * images[0].size,
    }


def corrupt(split: Split, config, stream: int) -> np.ndarray:
    """The images of a split with the corruption of `config`; the noise depends only on `stream`."""
    return CORRUPTIONS[config.corruption](pixels(split["image"]), config.amount, np.random.default_rng([0, stream]))


def denoising(network, dataset: Dataset, config) -> dict[str, float]:
    """PSNR on corrupted test images: untouched, median filter, best linear map, and the network."""
    clean, noisy = pixels(dataset.test["image"]), corrupt(dataset.test, config, stream=1)
    linear = linear_denoiser(dataset, config)
    restored = {
        "noisy": noisy,
        "median": baselines.median_filter(noisy),
        "linear": linear(noisy),
        "denoised": in_batches(network.reconstruct, noisy),
    }
    scores = {f"{name}_psnr_db": psnr_of(images, clean) for name, images in restored.items()}
    scores["gain_over_linear_db"] = scores["denoised_psnr_db"] - scores["linear_psnr_db"]
    scores["gain_over_median_db"] = scores["denoised_psnr_db"] - scores["median_psnr_db"]
    return {f"test/{name}": value for name, value in scores.items()}


def linear_denoiser(dataset: Dataset, config):
    """The best linear map from corrupted to clean images, fitted on the training images it has room for."""
    train = {"image": baselines.at_most(dataset.train["image"])}
    return baselines.fit_linear_denoiser(corrupt(train, config, stream=2), pixels(train["image"]))


def psnr_of(images: np.ndarray, others: np.ndarray) -> float:
    """PSNR in dB between two arrays of images in [0, 1]."""
    return baselines.psnr(baselines.mean_squared_error(images, others))


def variational(network, objective, dataset: Dataset) -> dict[str, float]:
    """Bound and its parts on grey test images, the part of it no model can avoid, and active units."""
    from autoencoders import losses
    from training import loop

    terms = loop.evaluate(network, objective, dataset.test)
    floor = float(np.mean(in_batches(losses.bernoulli_entropy, dataset.test["image"])))
    bound = terms["reconstruction"] + terms["kl_nats"]
    return {
        "test/elbo_nats": -bound,
        "test/negative_elbo_nats": bound,
        "test/excess_nats": bound - floor,
        "test/kl_nats": terms["kl_nats"],
        "test/active_units": active_units(network, dataset.test["image"]),
    }


def active_units(network, images: np.ndarray) -> float:
    """Number of latent units whose mean varies over images by more than ACTIVE_VARIANCE."""
    return float(np.sum(in_batches(network.encode, images).var(axis=0) > ACTIVE_VARIANCE))


def likelihood(network, objective, dataset: Dataset, config) -> dict[str, float]:
    """Bound and importance-sampled likelihood of test images binarised once, grey values as probabilities."""
    from autoencoders.likelihood import negative_log_likelihood
    from training import loop

    images = pixels(dataset.test["image"])
    binary = (np.random.default_rng([0, 3]).random(images.shape) < images).astype(np.float32)
    terms = loop.evaluate(network, objective, {**dataset.test, "image": binary})
    chosen = binary[: config.likelihood_images]
    nll = negative_log_likelihood(network, chosen, config.likelihood_samples, min(250, config.likelihood_samples))
    return {
        "test/nll_nats": float(nll.mean()),
        "test/elbo_nats": -(terms["reconstruction"] + terms["kl_nats"]),
        "test/negative_elbo_nats": terms["reconstruction"] + terms["kl_nats"],
        "test/kl_nats": terms["kl_nats"],
        "test/active_units": active_units(network, binary),
        "test/likelihood_images": float(len(chosen)),
    }


def write_archive(network, dataset: Dataset, config, path: Path) -> dict[str, float]:
    """Writes all images that are not test images to an .aez file; its size on disk and what it gives back.

    A code that is not quantized in training is cut into steps of an eighth of its standard deviation. `text_megabytes`
    is what the post measures: the codes as decimal text. The other data sets are coded by the same network.
    """
    images = np.concatenate([as_bytes(split["image"]) for split in (dataset.train, dataset.validation)])
    codes = in_batches(network.encode, images)
    step = 1.0 if config.kind == "quantized" else float(codes.std()) / 8
    write_atomic(path, archive.compress(images, network, step).to_bytes())
    stored, size = archive.Archive.from_bytes(path.read_bytes()), path.stat().st_size
    strangers = {
        f"test/{name}_psnr_db": psnr_of(quantised(network, other, step), other)
        for name, other in others(dataset).items()
    }
    return {
        "file/megabytes": size / 1e6,
        "file/codes_megabytes": len(entropy.encode(stored.codes)) / 1e6,
        "file/psnr_db": archive.psnr(images, archive.decompress(stored)),
        "file/bits_per_pixel": 8 * size / images.size,
        "file/text_megabytes": classical.text_bytes(codes) / 1e6,
        "file/raw_megabytes": images.nbytes / 1e6,
        **strangers,
    }


def others(dataset: Dataset) -> dict[str, np.ndarray]:
    """Test images as the codec was trained for, and of kinds it never saw."""
    images = pixels(dataset.test["image"])
    kinds = {"coded": images, "coded_inverted": 1 - images}
    if images.shape[1] == images.shape[2]:
        kinds["coded_rotated"] = np.rot90(images, axes=(1, 2))
    if not dataset.name.startswith("mnist"):
        return kinds
    try:
        return kinds | {"coded_fashion": pixels(load_images("fashion_mnist", floats=False).test["image"])}
    except DataError:  # not on this machine
        return kinds


def quantised(network, images: np.ndarray, step: float) -> np.ndarray:
    """Images decoded from codes rounded to multiples of `step`."""
    return in_batches(lambda part: network.decode(np.round(network.encode(part) / step) * step), images)


def neighbours(network, dataset: Dataset) -> dict[str, float]:
    """Test error in percent of 10 nearest neighbours on the code, and on as many principal components.

    How well a plane separates the digits, for a picture of the data.
    """
    from sklearn.neighbors import KNeighborsClassifier

    def error(encode):
        train, test = (in_batches(encode, split["image"]) for split in (dataset.train, dataset.test))
        near = KNeighborsClassifier(min(10, len(train))).fit(train, dataset.train["label"])
        return 100 * float(np.mean(near.predict(test) != dataset.test["label"]))

    pca = baselines.fit_pca(dataset.train["image"], 2)
    return {
        "test/neighbour_error_percent": error(network.encode),
        "test/pca_neighbour_error_percent": error(lambda images: pca.transform(baselines.flat(images))),
    }


def sparsity(network, dataset: Dataset) -> dict[str, float]:
    """How sparse the code of the test images is: mean activation, share active, Hoyer's measure, dead units."""
    codes = np.abs(in_batches(network.encode, dataset.test["image"]))  # (n, units)
    active = codes > ACTIVE_SHARE * codes.max()
    return {
        "test/mean_activation": float(codes.mean()),
        "test/active_percent": 100 * float(active.mean()),
        "test/hoyer": hoyer(codes),
        "test/dead_units": float(np.sum(~active.any(axis=0))),
    }


def hoyer(codes: np.ndarray) -> float:
    """(sqrt(d) - L1 / L2) / (sqrt(d) - 1), Hoyer 2004: 0 for equal activations, 1 for a single one; mean over rows.

    Rows without any activation are left out.
    """
    first, second = np.abs(codes).sum(axis=1), np.sqrt(np.square(codes).sum(axis=1))
    root = np.sqrt(codes.shape[1])
    kept = second > 0
    return float(np.mean((root - first[kept] / second[kept]) / (root - 1))) if kept.any() else 0.0


def probe_error(network, dataset: Dataset, c: float = 1.0) -> float:
    """Test error in percent of a linear classifier (logistic regression) on the codes of the training images."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # scikit-learn depends on it

    train = in_batches(network.encode, dataset.train["image"])
    test = in_batches(network.encode, dataset.test["image"])
    scale = train.std() or 1.0
    advice = "its error is an upper bound"
    # One thread: of many small products, the others only wait.
    with threadpool_limits(1), solver("the linear probe", PROBE_STEPS, advice):
        probe = LogisticRegression(C=c, max_iter=PROBE_STEPS).fit(train / scale, dataset.train["label"])
    return 100 * float(np.mean(probe.predict(test / scale) != dataset.test["label"]))
