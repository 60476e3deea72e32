"""What the post on DenseNet says, each with a check on the results."""

import numpy as np

from commands.jobs import Job
from commands.precision import Unchanged
from reporting.claims import Claim, at_least, at_most, better_than, exact, not_testable

POST = "Densely Connected Convolutional Networks - DenseNet"
PAPER = "Densely Connected Convolutional Networks (Huang et al. 2017, cited by the post)"
GOAL = "goal of this project"
KINDS = {PAPER: "paper", GOAL: "goal"}  # of sources; the others are the documents
ERROR = "test/error_percent"
SMALL = ("fashion_mnist-500", "fashion_mnist-2000")
DEEP = ("gradients_deep", "fashion_mnist")
SEEDS = (0, 1, 2)
SMALL_FLAGS = {"fashion_mnist-500": ("--train-examples", "500", "--epochs", "30", "--batch-size", "32"),
               "fashion_mnist-2000": ("--train-examples", "2000", "--epochs", "15", "--batch-size", "32")}  # fmt: skip

SHORT = ("--train-examples", "2000", "--epochs", "5", "--batch-size", "32")
DOUBLE = ("--width", "51", "--stem-filters", "51", "--tag", "double")


def blog_size():
    """Trainable and total parameters of the post's network."""
    from densenet import model

    network = model.build(stem_normalisation=False)
    sizes = (sum(int(np.prod(weight.shape)) for weight in network.trainable_weights), network.count_params())
    return sizes == (141_010, 143_890), sizes


def direct_connections():
    """A block's output holds its input unchanged, so every later layer and the loss reach it directly."""
    from densenet.model import DenseBlock

    x = np.random.default_rng(0).random((2, 5, 5, 6)).astype(np.float32)
    out = np.asarray(DenseBlock(4, 3)(x))
    return bool((out[..., :6] == x).all()), {"channels in": 6, "channels out": out.shape[-1]}


def small(data: str, rival: str) -> Claim:
    """The regularising effect on a small training set, against a network of the same size."""
    count = int(data.rpartition("-")[2])
    return Claim(
        f"densenet-small-{count}-{rival}", POST, f"Dense connections regularise small training sets ({count:,} images)",
        f"lower error than {rival}", "percent", "test error, same size, epochs and seeds",
        better_than(("fixed", data), (rival, data), ERROR, "lower"),
    )  # fmt: skip


UNCHANGED = Unchanged(
    "densenet.train", "fixed", "fashion_mnist",
    ("--train-examples", "2000", "--held-examples", "2000", "--epochs", "5"),
    "fashion_mnist-2000-2000", "test/error_percent", 2.0, "points", "test error", (0, 1, 2),
)  # fmt: skip
CLAIMS = [
    Claim(
        "densenet-parameters", POST, "The network of the post's code", "141,010 / 143,890", "parameters",
        "trainable and total, counted", exact(blog_size, "densenet.claims.blog_size"),
    ),
    Claim(
        "densenet-direct", POST, "Every layer has direct access to the features before it", "unchanged", "",
        "a block's output against its input", exact(direct_connections, "densenet.claims.direct_connections"),
    ),
    Claim(
        "densenet-gradient", POST, "DenseNet alleviates the vanishing gradient", "at least the last layer's", "ratio",
        "RMS gradient of the first of 36 convolutions over the last, untrained",
        at_least(*DEEP, "dense/first_to_last_gradient", 1.0),
    ),
    *(
        Claim(
            f"densenet-gradient-{rival}", POST, "Gradients reach all layers more evenly than without dense connections",
            f"fewer decades than {rival}", "decades", "|log10(first / last)| of the RMS gradient, 36 convolutions",
            better_than(DEEP, DEEP, "dense/gradient_decades", "lower", against=f"{rival}/gradient_decades"),
        )
        for rival in ("plain", "residual")
    ),
    *(small(data, rival) for data in SMALL for rival in ("plain", "residual")),
    Claim(
        "densenet-fewer-parameters", POST, "Dense connections substantially reduce the number of parameters",
        "no more than half a point above", "percent", "test error against a residual net of twice the size",
        better_than(("fixed", SMALL[1]), ("residual@double", SMALL[1]), ERROR, "lower", margin=-0.5),
    ),
    Claim(
        "densenet-blog-accuracy", GOAL, "The post's network, for which it publishes no accuracy, learns MNIST", 2.0,
        "percent error", "blog on MNIST, last epoch", at_most("blog", "mnist", ERROR, 2.0),
    ),
    Claim(
        "densenet-mnist", GOAL, "The mended network reaches 99.5 % on MNIST", 0.5, "percent error",
        "last epoch", at_most("fixed", "mnist", ERROR, 0.5),
    ),
    Claim(
        "densenet-fashion", GOAL, "The mended network reaches 93.0 % on Fashion-MNIST", 7.0, "percent error",
        "last epoch", at_most("fixed", "fashion_mnist", ERROR, 7.0),
    ),
    Claim(
        "densenet-augmented-fashion", GOAL, "Images mirrored, shifted, weights averaged: 94.3 % on Fashion-MNIST",
        5.7, "percent error", "`augmented --flip`, last epoch", at_most("augmented", "fashion_mnist", ERROR, 5.7),
    ),
    Claim(
        "densenet-scaling", POST, "DenseNets scale to hundreds of layers without optimisation difficulties",
        "lower error than plain", "percent", "`hundred` against `hundred_plain`: 100 layers, growth rate 2, equal "
        "size, 2,000 images, 5 epochs, batch 32; hundreds of wide layers are out of reach of a processor",
        better_than(("hundred@short", SMALL[1]), ("hundred_plain@short", SMALL[1]), ERROR, "lower"),
    ),
    Claim(
        "densenet-reuse", POST, "DenseNets encourage feature reuse and strengthen feature propagation", "", "", "",
        not_testable("no measure of it is stated; `connectivity` draws what later layers take from earlier ones"),
    ),
    Claim(
        "densenet-features", POST, "DenseNets may be good feature extractors", "lower error than pixels", "percent",
        "digits by logistic regression on features learned from 2,000 pictures of clothes, against their pixels",
        better_than(("features_dense", SMALL[1]), ("features_dense", SMALL[1]), "other/features_error_percent", "lower",
                    against="other/pixels_error_percent"),
    ),
    Claim(
        "densenet-features-residual", POST, "DenseNets may be good feature extractors", "lower error than residual",
        "percent", "the same against the features of a residual network of equal size",
        better_than(("features_dense", SMALL[1]), ("features_residual", SMALL[1]), "other/features_error_percent",
                    "lower"),
    ),
    Claim(
        "densenet-dropped", POST, "In a residual network many layers contribute very little", "less than a point",
        "points", "rise of the error without one of its layers, the least of them", 
        at_most("features_residual", SMALL[1], "dropped/least_rise", 1.0),
    ),
    Claim(
        "densenet-dropped-mean", POST, "... so that layers can be left out at random", "less than 5 points",
        "points", "the mean over its layers; the bound is ours",
        at_most("features_residual", SMALL[1], "dropped/mean_rise", 5.0),
    ),
    *UNCHANGED.goals(),
]  # fmt: skip

RUNS = [
    *(Job("densenet.train", variant, "fashion_mnist", SEEDS, SMALL_FLAGS[data], None, minutes=3.0)
      for data in SMALL for variant in ("fixed", "bc", "plain", "residual")),
    Job("densenet.train", "residual", "fashion_mnist", SEEDS, (*SMALL_FLAGS[SMALL[1]], *DOUBLE), None, minutes=6.0),
    Job("densenet.studies.gradients", "gradients_deep", "fashion_mnist", SEEDS, ("--train-examples", "0"), minutes=0.5),
    *(Job("densenet.studies.features", f"features_{name}", "fashion_mnist", SEEDS, (), None, minutes=3.0)
      for name in ("dense", "residual")),
    *(Job("densenet.train", name, "fashion_mnist", SEEDS, (*SHORT, "--tag", "short"), None, minutes=2.0)
      for name in ("hundred", "hundred_plain")),
    Job("densenet.train", "blog", "mnist", SEEDS, (), ("--train-examples", "1000", "--epochs", "1"), minutes=25.0),
    Job("densenet.train", "fixed", "mnist", SEEDS, (), None, minutes=25.0),
    Job("densenet.train", "fixed", "fashion_mnist", SEEDS, ("--epochs", "30"), None, minutes=75.0),
    Job("densenet.train", "augmented", "fashion_mnist", (0, 1), ("--flip",), None, minutes=90.0),
    *UNCHANGED.jobs(),
]  # fmt: skip
