"""What the post on calibration says, each with a check on the results."""

import numpy as np

from commands.jobs import Job
from commands.precision import Unchanged
from reporting.claims import Claim, Evidence, Outcome, at_most, better_than, equivalent, exact, not_testable, number

POST = "On Calibration of Modern Neural Networks"
PAPER = "On Calibration of Modern Neural Networks (Guo et al. 2017, cited by the post)"
NOTEBOOK = "a public Fashion-MNIST notebook on temperature scaling"
GOAL = "goal of this project"
KINDS = {PAPER: "paper", NOTEBOOK: "paper", GOAL: "goal"}  # of sources; the others are the documents
DATA, FULL = "fashion_mnist-2000", "fashion_mnist"
SEEDS = (0, 1, 2, 3, 4)
NETWORKS = ("residual", "lenet", "densenet")
FULLY = ("residual", "lenet")  # those trained on all images
METHODS = ("temperature", "platt", "vector", "matrix", "histogram", "isotonic")
ECE = "test/ece_percent"
QUICK = ("--epochs", "3")


def within(variant: str, first: str, second: str, better: str):
    """Checks that metric `first` beats metric `second` of the same runs."""
    return better_than((variant, DATA), (variant, DATA), first, better, against=second)


def best_method(metric: str, wins_needed: int, data: str = DATA, networks: tuple[str, ...] = NETWORKS):
    """Checks that temperature scaling has the lowest mean of a metric among all methods on enough networks."""

    def check(evidence: Evidence) -> Outcome:
        wins, means = 0, {}
        for network in networks:
            rows = {method: evidence.values(network, data, f"{method}/{metric}") for method in METHODS}
            if not all(rows.values()):
                return Outcome("not run")
            scores = {method: round(float(np.mean(list(row.values()))), 3) for method, row in rows.items()}
            means[network] = scores
            wins += min(scores, key=scores.__getitem__) == "temperature"
        verdict = "replicated" if wins >= wins_needed else "not replicated"
        return Outcome(verdict, {"networks won": wins, **means}, f"calibration/results.json {metric} of {data}")

    return check


def platt_is_extended():
    """For two classes softmax(z / T) is Platt's sigmoid(a z + b) with a = 1 / T and b = 0."""
    from calibration.metrics.binned import softmax

    logits = np.random.default_rng(0).normal(size=(100, 2), scale=3)
    platt = 1 / (1 + np.exp(-(logits[:, 1] - logits[:, 0]) / 1.7))
    error = float(np.abs(softmax(logits / 1.7)[:, 1] - platt).max())
    return error < 1e-12, {"largest difference": error}


def order_kept():
    """The largest of 10,000 x 10 random logits stays the largest at temperatures from 0.05 to 40."""
    logits = np.random.default_rng(0).normal(size=(10000, 10))
    changed = sum(int(((logits / t).argmax(1) != logits.argmax(1)).sum()) for t in (0.05, 0.5, 2, 40))
    return changed == 0, {"predictions changed": changed}


def ends(id_, claim, first, second):
    """An observation on what makes calibration worse: the two ends of its panel compared."""
    how = f"ECE of {first} against {second}, 2,000 training images, same seeds"
    return Claim(
        f"calibration-{id_}", POST, claim, "higher ECE", "percent", how,
        better_than((first, DATA), (second, DATA), ECE, "higher"),
    )  # fmt: skip


UNCHANGED = Unchanged(
    "calibration.train", "lenet", "fashion_mnist",
    ("--train-examples", "2000", "--held-examples", "2000", "--epochs", "10"),
    "fashion_mnist-2000-2000", "test/nll_nats", 0.05, "nats", "negative log-likelihood",
)  # fmt: skip
CLAIMS = [
    ends("modern", "Modern networks are worse calibrated than LeNet", "residual", "lenet"),
    ends("depth", "More depth makes calibration worse", "depth_19", "depth_7"),
    ends("width", "More width makes calibration worse", "width_32", "width_4"),
    ends("normalisation", "Batch normalisation makes calibration worse", "residual", "no_batch_normalisation"),
    ends("decay", "Less weight decay makes calibration worse", "decay_0", "decay_5e-3"),
    *(
        Claim(
            f"calibration-{id_}-error", POST, claim, "lower error", "percent",
            f"test error of {first} against {second}, 2,000 training images, same seeds",
            better_than((first, DATA), (second, DATA), "test/error_percent", "lower"),
        )
        for id_, claim, first, second in (
            ("depth", "More depth may reduce the classification error", "depth_19", "depth_7"),
            ("width", "More width may reduce the classification error", "width_32", "width_4"),
            ("normalisation", "Batch normalisation can in some cases improve the accuracy", "residual",
             "no_batch_normalisation"),
        )
    ),
    Claim(
        "calibration-doctors", POST, "Where confidence is low, control should pass to human doctors", "", "", "",
        not_testable("what people should do"),
    ),
    Claim(
        "calibration-temperature", POST, "Temperature scaling mends calibration", "lower ECE", "percent",
        "residual network: scaled against uncalibrated",
        within("residual", "temperature/ece_percent", ECE, "lower"),
    ),
    Claim(
        "calibration-most-effective", POST, "Temperature scaling is often the most effective method",
        "lowest ECE on most networks", "percent", "lowest mean ECE of six methods on at least 2 of 3 networks",
        best_method("ece_percent", 2),
    ),
    Claim(
        "calibration-most-effective-full", POST, "Temperature scaling is often the most effective method",
        "lowest ECE on most networks", "percent", "on residual and LeNet, trained on all 55,000 images, 10 epochs",
        best_method("ece_percent", 2, FULL, FULLY), "networks trained on all images",
    ),
    Claim(
        "calibration-adam", POST, "The post's way, Adam on T, finds the temperature", "within 0.1", "percent",
        "ECE after 300 steps of Adam at 0.01 against that at the exact minimum: two one-sided tests over seeds, margin "
        "0.1 points stated beforehand", equivalent(("blog", DATA), ("residual", DATA), "temperature/ece_percent", 0.1),
    ),
    Claim(
        "calibration-learned-temperature", POST,
        "Trained along with the network, T is made as low as possible, for confidence", "lower T", "",
        "the T that training ends with against the T = 1 that it starts from",
        at_most("learned_temperature", DATA, "learned_temperature", 1.0, significantly=True),
    ),
    Claim(
        "calibration-learned-temperature-ece", POST, "... and the network is very confident", "higher ECE", "percent",
        "ECE of a network with its own T against the T of validation data, same runs",
        within("learned_temperature", ECE, "temperature/ece_percent", "higher"),
    ),
    Claim(
        "calibration-fastest", POST, "Temperature scaling is the fastest method", "shortest fit on most networks", "ms",
        "shortest mean fit of six methods on at least 2 of 3 networks", best_method("fit_ms", 2),
    ),
    Claim(
        "calibration-not-on-train", POST, "T fitted on the training set comes out too low", "lower T", "",
        "LeNet, which errs on some training images (otherwise T -> 0): T from training against T from validation",
        within("lenet", "temperature_on_train", "temperature", "lower"),
    ),
    Claim(
        "calibration-not-on-train-ece", POST, "T must be fitted on validation, not on training data", "higher ECE",
        "percent", "LeNet: ECE on test with T from training images against T from validation",
        within("lenet", "fitted_on_train/ece_percent", "temperature/ece_percent", "higher"),
    ),
    Claim(
        "calibration-accuracy", PAPER, "Temperature scaling leaves every prediction as it is", "0 changed", "",
        "predicted classes before and after, T from 0.05 to 40", exact(order_kept, "calibration.claims.order_kept"),
    ),
    Claim(
        "calibration-platt", POST, "Temperature scaling is the simplest extension of Platt scaling", "equal", "",
        "two classes: sigmoid(a z + b) with a = 1 / T, b = 0",
        exact(platt_is_extended, "calibration.claims.platt_is_extended"),
    ),
    Claim(
        "calibration-nll-overfits", PAPER, "The NLL overfits", "higher NLL", "nats",
        "validation NLL after the last epoch against its lowest",
        within("overfit", "last_epoch/validation_nll_nats", "best_epoch/validation_nll_nats", "higher"),
    ),
    Claim(
        "calibration-error-falls", PAPER, "... while the error goes on falling", "lower error", "percent",
        "validation error after the last epoch against that at the lowest NLL",
        within("overfit", "last_epoch/validation_error_percent", "best_epoch/validation_error_percent", "lower"),
    ),
    Claim(
        "calibration-notebook-ece", NOTEBOOK, "ECE 0.45 % after scaling, T fitted on the test set", 0.45, "percent",
        "all training images, T fitted on validation; within 0.15",
        number("residual", FULL, "temperature/ece_percent", 0.45, 0.15, "lower"),
    ),
    Claim(
        "calibration-notebook-error", NOTEBOOK, "accuracy 92.8 %", 7.2, "percent error",
        "all training images; at most 7.2 % error", at_most("residual", FULL, "test/error_percent", 7.2),
    ),
    *(
        Claim(f"calibration-structured-{variant.replace('_', '-')}", GOAL,
              f"Structured matrix scaling on {title}: test NLL {nll}", nll, "nats",
              "fitted on the first half of the published predictions, at most the value + .0001",
              at_most(variant, "predictions", "structured_matrix/nll_nats", nll + 1e-4))
        for variant, title, nll in (
            ("wideresnet_10", "WideResNet, CIFAR-10", 0.2322), ("lenet_10", "LeNet, CIFAR-10", 1.3107),
            ("densenet_100", "DenseNet, CIFAR-100", 0.8629), ("wideresnet_100", "WideResNet, CIFAR-100", 0.9213),
            ("lenet_100", "LeNet, CIFAR-100", 3.7655),
        )
    ),
    Claim("calibration-structured-error", GOAL, "... and WideResNet's error on CIFAR-10 at most 7.64 %", 7.64, "%",
          "the same", at_most("wideresnet_10", "predictions", "structured_matrix/error_percent", 7.645)),
    Claim("calibration-structured-seconds", GOAL, "... fitted in at most 6 s where there are 100 classes", 6000, "ms",
          "5,000 samples", at_most("densenet_100", "predictions", "structured_matrix/fit_ms", 6000)),
    *UNCHANGED.goals(),
]  # fmt: skip

RUNS = [
    *(
        Job("calibration.train", variant, "fashion_mnist", SEEDS, quick=QUICK, minutes=1.0)
        for variant in (
            *NETWORKS, "blog", "learned_temperature",
            "depth_7", "depth_19", "width_4", "width_32", "no_batch_normalisation", "decay_0", "decay_5e-3",
            "overfit",
        )
    ),
    *(Job("calibration.train", network, "fashion_mnist", SEEDS[:3], ("--train-examples", "0", "--epochs", "10"), None,
          minutes=4.0) for network in FULLY),
    *(Job("calibration.studies.methods", variant, "predictions", (0,), quick=None, minutes=0.3)
      for variant in ("wideresnet_10", "lenet_10", "densenet_100", "wideresnet_100", "lenet_100")),
    Job("calibration.studies.solvers", "solvers", "synthetic", (0,), minutes=0.5),
    *UNCHANGED.jobs(),
]  # fmt: skip
