"""Train an autoencoder: `python -m autoencoders.train [variant] [--flags]`."""

from dataclasses import replace

from autoencoders.config import Config, cosine_adam, make_objective
from commands.train import main
from data import images
from data.dataset import Dataset
from training.run import Run
from training.settings import Variants

STRIDED = Config(
    network="strided", widths=(16, 64), residual=1, epochs=15, batch_size=32, learning_rate=4e-3, schedule="cosine"
)
SQUARED = replace(STRIDED, reconstruction="squared_error")
WIDE = Config(network="dense", widths=(), code=1000, kind="relu", epochs=6, schedule="cosine", probe=True)
WINNERS = replace(
    WIDE, kind="winners", code=2000, reconstruction="squared_error", learning_rate=2e-3, epochs=20, probe_c=0.1
)
BAYES = Config(
    network="dense", widths=(512, 256), kind="gaussian", epochs=15, batch_size=64, learning_rate=2e-3, schedule="cosine"
)
LIKELIHOOD = replace(STRIDED, kind="gaussian", binarize=True, learning_rate=3e-3)
VARIANTS: Variants = {
    "plain": (
        "the Autoencoders post: convolution + max-pooling, code of 32, transposed convolution",
        Config(epochs=5, probe=True, archive=True),
    ),
    "best": ("lowest error: stride 2, residual decoder, squared error, cosine schedule", SQUARED),
    "denoising": (
        "the Denoising post: plain with 30 % salt-and-pepper",
        Config(epochs=5, corruption="salt_and_pepper", amount=0.3),
    ),
    "denoising_best": (
        "most noise removed, Gaussian 0.4",
        replace(SQUARED, code=128, corruption="gaussian", amount=0.4, epochs=6),
    ),
    "wide": ("one layer of 1000 units, more than needed", WIDE),
    "wide_denoising": ("wide, with 30 % of the pixels masked", replace(WIDE, corruption="masking", amount=0.3)),
    "sparse": ("the Sparse post: wide with activity_regularizer", replace(WIDE, l1=0.1)),
    "sparse_kl": ("mean activation drawn to 0.05 (Ng 2011)", replace(WIDE, kind="sigmoid", sparsity_weight=3.0)),
    "sparse_winners": ("2000 units, each kept in 5 % of a batch (Makhzani & Frey 2015)", WINNERS),
    "sparse_best": ("2000 units, each kept in 2 % of a batch", replace(WINNERS, winners=0.02, epochs=10)),
    "sparse_top_k": ("only the 25 largest units", replace(WIDE, kind="top_k", top_k=25)),
    "variational": ("latent 2, Bernoulli, dense layers", replace(BAYES, code=2)),
    "variational_blog": (
        "the Variational post's networks: those of plain, latent 2",
        Config(kind="gaussian", code=2, epochs=10),
    ),
    "likelihood": ("latent 32, black-and-white images drawn anew each time", LIKELIHOOD),
    "importance_weighted": ("five draws per image (Burda et al. 2016)", replace(LIKELIHOOD, importance_samples=5)),
    "mixture_prior": ("a learned prior (Tomczak & Welling 2018)", replace(LIKELIHOOD, prior_components=100)),
    "likelihood_best": ("both, 30 epochs", replace(LIKELIHOOD, importance_samples=5, prior_components=100, epochs=30)),
    "subpixel": ("the Sub-pixel post: plain with sub-pixel convolutions", Config(epochs=5, upsampling="subpixel")),
    "compression": (
        "the Compression post, codes rounded and entropy-coded",
        replace(SQUARED, kind="quantized", rate_weight=0.02, archive=True, epochs=8),
    ),
}
MAIN = ("plain", "best", "denoising", "variational", "compression")  # what compare.py lays side by side
TINY = ("--likelihood-images", "20", "--likelihood-samples", "20")  # what a test of every variant adds


def load(config: Config) -> Dataset:
    """Images in [0, 1]."""
    return images.load(config.data, labelled=False, **config.loading)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once and writes the run."""
    from autoencoders import evaluate, model
    from training import loop

    shape = ("code", "network", "widths", "residual", "upsampling", "kind", "l1", "top_k", "winners")
    drawn = ("corruption", "amount", "binarize", "prior_components")
    network = model.build(
        image_shape=dataset.train["image"].shape[1:], **{name: getattr(config, name) for name in shape + drawn}
    )
    optimizer = make_optimizer(config, dataset.counts()["train"])
    history = loop.fit(network, make_objective(config), dataset, config, run, optimizer)
    metrics = evaluate.test_metrics(network, dataset, config, run)
    run.finish(network, metrics, dataset.counts(), history)


def make_optimizer(config: Config, examples: int):
    """Adam with the learning rate of the schedule."""
    import keras

    if config.schedule == "constant":
        return keras.optimizers.Adam(config.learning_rate)
    return cosine_adam(config.learning_rate, config.total_steps(examples))


if __name__ == "__main__":
    main("autoencoders.train", VARIANTS, load, train)
