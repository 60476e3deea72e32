"""Train an autoencoder: `python -m autoencoders.train [variant] [--flags]`."""

import dataclasses
import functools

from autoencoders.config import Config
from data import images
from data.dataset import Dataset
from training.command import main
from training.run import Run
from training.settings import Variants

STRIDED = Config(network="strided", widths=(16, 64), residual=1, batch_size=32, learning_rate=4e-3, schedule="cosine")
DENOISER = dataclasses.replace(STRIDED, code=128, corruption="gaussian", amount=0.4)
SHALLOW = Config(network="dense", widths=(), code=1000, probe=True, schedule="cosine")
BAYES = Config(network="dense", widths=(512, 512), kind="gaussian", learning_rate=2e-3, schedule="cosine", epochs=20)
VARIANTS: Variants = {
    "plain": (
        "the Autoencoders post: convolution + max-pooling, code of 32, transposed convolution",
        Config(probe=True, archive=True),
    ),
    "best": ("lowest error at a code of 32: stride 2, residual decoder, cosine schedule", STRIDED),
    "denoising": (
        "the Denoising post: plain with 30 % salt-and-pepper",
        Config(corruption="salt_and_pepper", amount=0.3, probe=True),
    ),
    "denoising_best": ("most noise removed (Gaussian 0.4)", DENOISER),
    "sparse_none": ("1000 units, no constraint", dataclasses.replace(SHALLOW, kind="relu")),
    "sparse": ("the Sparse post: activity_regularizer", dataclasses.replace(SHALLOW, kind="relu", l1=0.1)),
    "sparse_kl": (
        "mean activation drawn to 0.05 (Ng 2011)",
        dataclasses.replace(SHALLOW, kind="sigmoid", sparsity_weight=3.0),
    ),
    "sparse_top_k": ("the 25 largest units only", dataclasses.replace(SHALLOW, kind="top_k", top_k=25)),
    "variational": ("the Variational post: latent 2", dataclasses.replace(BAYES, code=2)),
    "variational_20": ("latent 20", dataclasses.replace(BAYES, code=20)),
    "likelihood": ("latent 50, dynamically binarised", dataclasses.replace(BAYES, code=50, binarize=True)),
    "subpixel": ("the Sub-pixel post: plain with sub-pixel convolutions", Config(upsampling="subpixel")),
    "compression": (
        "the Compression post with an entropy-coded file",
        dataclasses.replace(STRIDED, kind="quantized", rate_weight=0.05, archive=True),
    ),
}


def load(config: Config) -> Dataset:
    """Images in [0, 1]."""
    return images.load(config.data, config.data_dir, train_examples=config.train_examples)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    from autoencoders import evaluation, losses, model
    from training import loop

    shape = ("code", "network", "widths", "residual", "upsampling", "kind", "l1", "top_k")
    noise = ("corruption", "amount", "binarize")
    network = model.build(**{name: getattr(config, name) for name in shape + noise})
    weights = ("reconstruction", "kl_weight", "sparsity_weight", "sparsity_target", "rate_weight")
    objective = functools.partial(losses.compute_loss, **{name: getattr(config, name) for name in weights})
    optimizer = make_optimizer(config, dataset.counts()["train"])
    history = loop.fit(network, objective, dataset, config, run, optimizer)
    metrics = evaluation.evaluate(network, objective, dataset, config, run)
    run.finish(network, metrics, dataset.counts(), history)


def make_optimizer(config: Config, examples: int):
    """Adam with the learning rate of the schedule."""
    import keras

    if config.schedule == "constant":
        return keras.optimizers.Adam(config.learning_rate)
    steps = -(-examples // config.batch_size) * config.epochs
    warm = max(1, round(0.03 * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm), alpha=0.02, warmup_target=config.learning_rate, warmup_steps=warm
    )
    return keras.optimizers.Adam(rate, beta_2=0.99)


if __name__ == "__main__":
    main("autoencoders.train", VARIANTS, load, train)
