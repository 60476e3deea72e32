"""Train a DenseNet, or a plain or residual net of its size: `python -m densenet.train [variant] [--flags]`."""

import functools
from dataclasses import replace

from commands.train import main
from data import images
from data.dataset import Dataset
from densenet.config import NETWORK, Config
from training.run import Run
from training.settings import Variants

FIXED = Config()
BLOG = Config(stem_normalisation=False, momentum=0.99, weight_decay=0.0, decay=False, statistics="own")
BC = replace(FIXED, bottleneck=True, compression=0.5, width=14, stem_filters=28)
SAME_SIZE = replace(FIXED, width=36, stem_filters=36)
VARIANTS: Variants = {
    "blog": ("as the post: stem normalisation discarded, constant rate, own statistics", BLOG),
    "fixed": ("its slips mended: stem normalised, training statistics, decaying rate, weight decay", FIXED),
    "bc": ("DenseNet-BC: bottleneck and compression, growth rate 14", BC),
    "plain": ("no connections around units, equal size", replace(SAME_SIZE, connection="plain")),
    "residual": ("sums around two units, equal size", replace(SAME_SIZE, connection="residual")),
}


def load(config: Config) -> Dataset:
    """Images, standardised with one mean and one standard deviation over all pixels."""
    dataset = images.load(config.data, config.data_dir, **config.reductions)
    reference = dataset.train["image"]

    def standardise(_, split):
        source = reference if config.statistics == "train" else split["image"]
        return {**split, "image": (split["image"] - source.mean()) / source.std()}

    return dataset.map(standardise)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, evaluates on the test split once, after the last epoch, and writes the run."""
    import keras

    from densenet import losses, model
    from training import loop

    network = model.build(**{name: getattr(config, name) for name in NETWORK})
    objective = functools.partial(losses.compute_loss, weight_decay=config.weight_decay)
    steps = config.epochs * -(-dataset.counts()["train"] // config.batch_size)
    cosine = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    optimizer = keras.optimizers.Adam(cosine if config.decay else config.learning_rate)
    history = loop.fit(network, objective, dataset, config, run, optimizer)

    terms = loop.evaluate(network, objective, dataset.test)
    metrics = {
        "test/error_percent": 100 * (1 - terms["accuracy"]),
        "test/nll_nats": terms["cross_entropy"],
        "parameters_total": network.count_params(),
    }
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("densenet.train", VARIANTS, load, train)
