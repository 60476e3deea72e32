"""Features for other pictures, and layers left out, of trained networks: `python -m densenet.studies.features`."""

import dataclasses

import numpy as np

from commands.train import main
from data.dataset import Dataset, mean_and_deviation, pixels
from data.images import load as load_images
from densenet import config as method
from densenet import train as classifier
from densenet.train import VARIANTS as TRAINED
from training.quiet import solver
from training.run import Run
from training.settings import Variants

STEPS = 300  # of the linear classifier


@dataclasses.dataclass(frozen=True)
class Config(method.Config):
    """Settings of the network that is trained first, and of the pictures its features are then tried on."""

    data: str = "fashion_mnist"
    train_examples: int = 2000
    epochs: int = 15
    batch_size: int = 32
    other: str = "mnist"
    """Pictures that the network never saw: data with a name, as many of them as it was trained on."""


def study_of(name: str) -> Config:
    """The settings of a variant of densenet.train, trained on few pictures of clothes."""
    same = {field: getattr(TRAINED[name][1], field) for field in method.NETWORK}
    return Config(**same)


VARIANTS: Variants = {
    "features_dense": ("the mended DenseNet", study_of("fixed")),
    "features_residual": ("a residual network of its size", study_of("residual")),
    "features_plain": ("a network of its size without connections", study_of("plain")),
}
TINY = ("--other", "digits", "--depth", "2")


def load(config: Config) -> Dataset:
    """Pictures as densenet.train has them."""
    return classifier.load(config)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains; then the other pictures by a linear classifier on its features, and the test without single layers."""
    from densenet import evaluate, model
    from training import loop

    images = dataset.train["image"]
    build = {name: getattr(config, name) for name in method.NETWORK} | {"statistics": mean_and_deviation(images)}
    network, untrained = (model.build(image_shape=images.shape[1:], classes=dataset.classes, **build) for _ in "ab")
    optimizer = classifier.make_optimizer(config, dataset.counts()["train"])
    history = loop.fit(network, method.make_objective(config), dataset, config, run, optimizer)
    metrics = evaluate.test_metrics(network, dataset, config)
    metrics |= dropped(network, dataset.test, metrics["test/error_percent"])
    others = load_images(config.other, data_dir=config.data_dir, **config.reductions)
    for name, extract in (("features", network), ("untrained", untrained), ("pixels", None)):
        metrics[f"other/{name}_error_percent"] = probe_error(extract, others)
    run.finish(network, metrics, dataset.counts(), history)


def dropped(network, test, error: float) -> dict[str, float]:
    """What is lost on the test split when one layer adds nothing: its kernel is set to 0, all others stay.

    Of a residual network a layer is the pair that a sum goes around.

    Returns:
        Rise of the error in percentage points: mean, smallest and largest over the layers.
    """
    from densenet.model import Block, ResidualBlock
    from training import loop

    rises = []
    for block in (layer for layer in network.layers if isinstance(layer, Block)):
        units = block.units[1::2] if isinstance(block, ResidualBlock) else block.units
        for unit in units:
            kernel = unit[-1].convolve.kernel
            kept = np.array(kernel)
            kernel.assign(np.zeros_like(kept))
            said = loop.predict(network, test["image"]).argmax(-1)
            rises.append(100 * float(np.mean(said != test["label"])) - error)
            kernel.assign(kept)
    return {
        "dropped/mean_rise": float(np.mean(rises)),
        "dropped/least_rise": min(rises),
        "dropped/most_rise": max(rises),
    }


def probe_error(network, dataset: Dataset) -> float:
    """Test error in percent of logistic regression on what the network says before its last layer, or on pixels."""
    import keras
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    from training import loop

    def describe(split):
        if network is None:
            return pixels(split["image"]).reshape(len(split["image"]), -1)
        return loop.predict(keras.Model(network.input, network.get_layer("pool").output), split["image"])

    with threadpool_limits(1), solver("the linear classifier", STEPS, "its error is an upper bound"):
        scaled = make_pipeline(StandardScaler(), LogisticRegression(max_iter=STEPS))
        scaled.fit(describe(dataset.train), dataset.train["label"])
        return 100 * float(np.mean(scaled.predict(describe(dataset.test)) != dataset.test["label"]))


if __name__ == "__main__":
    main("densenet.studies.features", VARIANTS, load, train)
