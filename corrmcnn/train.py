"""Train a CorrMCNN on the halves of images: `python -m corrmcnn.train [variant] [--flags]`."""

import functools
from dataclasses import replace

from commands.train import main
from corrmcnn.config import NETWORK, Config, make_objective, make_optimizer
from corrnet import train as two_views
from data.dataset import DataError, Dataset
from training.run import Run
from training.settings import Variants

BLOG = Config()
SUM = replace(BLOG, pixel_error="sum", output_activation="linear", initial_weights="pytorch")
ABLATION = Config(epochs=10, train_examples=10_000)  # the same budget for every part that is taken away
ARC1 = Config(
    epochs=30, learning_rate=1e-3, decay=True, dropout=0.5, deconvolution=False, both_weight=10.0, single_weight=10.0,
    step_correlation_weights=(),
)  # fmt: skip
ARC2 = Config(
    epochs=30, batch_size=100, learning_rate=1e-3, optimizer="rmsprop", decay=True, dropout=0.5,
    dense_activation="sigmoid", code_activation="sigmoid", output_activation="linear",
    step_correlation_weights=(0.005, 0.01, 0.005),
)  # fmt: skip
OFFICIAL = Config(
    epochs=100, batch_size=100, learning_rate=1e-3, optimizer="rmsprop", filters=(128, 64, 49), padding="same",
    batch_norm="none", dropout=0.0, dense_activation="sigmoid", code_activation="sigmoid", output_activation="linear",
    deconvolution=False, fusion="code_sum", absent="zero_image", both_weight=0.0, step_weight=0.0,
    difference_weight=0.0, step_correlation_weights=(0.001, 0.05),
)  # fmt: skip
CANONICAL = Config(
    epochs=40, batch_size=2000, learning_rate=2e-3, decay=True, filters=(32, 64), padding="same", dense_units=(512,),
    code_activation="linear", decoder_units=(512,), deconvolution=False, fusion="code_mean",
    both_weight=0.0, step_weight=0.0, difference_weight=0.0, correlation_weight=0.0, step_correlation_weights=(),
    canonical_weight=1.0, project=True,
)  # fmt: skip
SIGMOID = replace(ABLATION, activation="sigmoid", dense_activation="sigmoid", code_activation="sigmoid")
ablate = functools.partial(replace, ABLATION)

VARIANTS: Variants = {
    "blog": ("the slides: two convolutions, L1 to L7, deconvolution", BLOG),
    "blog_sum": ("blog with errors summed over pixels, linear pixels, PyTorch's initial weights", SUM),
    "blog_slow": ("blog at a tenth of its learning rate", replace(BLOG, learning_rate=1e-3)),
    "arc1": ("the paper's Arch1: one dense layer as decoder, dropout 0.5, no L7", ARC1),
    "arc2": ("the paper's Arch2: deconvolution, L7 at every step", ARC2),
    "official": ("the paper's published code: three convolutions, sum of codes, L2 + L3 - L6 - L7", OFFICIAL),
    "canonical": ("canonical correlation with cross-reconstruction, codes projected", CANONICAL),
    "best": ("canonical, near images taken for one", replace(CANONICAL, epochs=30, neighbour_share=0.2)),
    "best_sum": ("canonical for the literature's column: all units lean on one number", replace(CANONICAL, lean=20.0)),
    "tied": ("arc2, its dense layers run backwards with the same kernels", replace(
        ARC2, decoder_units=(300, 500), tied=True)),
    "l1_l3": ("ablation: L1 + L2 + L3", ablate(
        step_weight=0.0, difference_weight=0.0, correlation_weight=0.0, step_correlation_weights=())),
    "l4": ("ablation: L1 to L4", ablate(difference_weight=0.0, correlation_weight=0.0, step_correlation_weights=())),
    "l5": ("ablation: L1 to L5", ablate(correlation_weight=0.0, step_correlation_weights=())),
    "l6": ("ablation: L1 to L6", ablate(step_correlation_weights=())),
    "l7": ("ablation: L1 to L7, blog but shorter; the next ones change one thing of it", ABLATION),
    "no_batch_norm": ("l7 without batch normalisation", ablate(batch_norm="none")),
    "no_dropout": ("l7 without dropout", ablate(dropout=0.0)),
    "sigmoid": ("l7 with sigmoid for ReLU", SIGMOID),
    "sigmoid_no_batch_norm": ("sigmoid without batch normalisation", replace(SIGMOID, batch_norm="none")),
    "no_convolution": ("l7 with dense layers only", ablate(filters=())),
    "no_deconvolution": ("l7, pixels from one dense layer", ablate(deconvolution=False)),
    "global_correlation": ("l7, one correlation of all units together", ablate(correlation="global")),
    "paired_steps": ("l7, decoder layers compared in the pass from both views", ablate(decoder_steps="paired")),
    "zero_image": ("l7, an absent view is an image of zeros, on inference statistics", ablate(absent="zero_image")),
    "zero_batch": ("l7, an absent view is an image of zeros, on batch statistics", ablate(absent="zero_batch")),
}  # fmt: skip
MAIN = ("blog", "blog_sum", "blog_slow", "best")  # what compare.py lays side by side when it is not told
TINY = ("--filters", "3", "--dense-units", "6", "5", "--code-units", "4", "--decoder-units", "5", "6")


def load(config: Config) -> Dataset:
    """Halves of images, or two views that are images."""
    dataset = two_views.load(config)  # type: ignore[arg-type]
    if dataset.train["left"].ndim != 4:
        raise DataError(f"{config.data} has views of features, expected pictures to convolve; use corrnet")
    return dataset


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, measures once at the end and writes the run."""
    from corrmcnn import evaluate, model
    from training import loop

    shapes = {f"{view}_shape": dataset.train[view].shape[1:] for view in ("left", "right")}
    network = model.build(**shapes, **{name: getattr(config, name) for name in NETWORK})
    objective = make_objective(config)
    steps = config.total_steps(dataset.counts()["train"])
    optimizer = make_optimizer(config, steps)
    gradients = evaluate.gradient_norms(network, objective, dataset.train, "gradient/start/")
    history = loop.fit(network, objective, dataset, config, run, optimizer)
    gradients |= evaluate.gradient_norms(network, objective, dataset.train, "gradient/end/")
    metrics = evaluate.test_metrics(network, dataset, config) | gradients
    metrics["validation/loss_after_one_epoch"] = history[0]["validation/loss"]
    run.finish(network, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("corrmcnn.train", VARIANTS, load, train)
