"""What the CorrMCNN slides and the paper they present say, each with a check on the results."""

import numpy as np

from commands.jobs import Job
from commands.precision import SOURCE as SAME
from commands.precision import Unchanged
from reporting.claims import (
    Claim,
    at_least,
    at_most,
    better_than,
    exact,
    not_testable,
    number,
    one_of_our_runs,
)
from reporting.words import header

UNIT = "pixels in [0, 1]; the public rerun gave the program pixels of 0 to 255"
SLIDES = "Common Representation Learning (slides on CorrMCNN)"
PAPER = "Common Representation Learning Using Step-based Correlation Multi-Modal CNN (presented by the slides)"
CODE = "the paper's published program, rerun by others"
GOAL = "Goal of this project, against the paper's best"
KINDS = {SAME: "goal", PAPER: "paper", CODE: "paper", GOAL: "goal"}  # of sources; the others are the documents
SUM, CANONICAL, RANK = "test/sum_correlation", "test/total_canonical_correlation", "test/effective_rank"
LEFT_TO_RIGHT, RIGHT_TO_LEFT = "test/transfer_left_to_right_percent", "test/transfer_right_to_left_percent"
CROSS_RIGHT, CROSS_LEFT = "test/cross_mse_left_to_right", "test/cross_mse_right_to_left"
SUMS, MEANS = "squared errors summed over pixels", "squared errors averaged over pixels"
MNIST, PART = "mnist", "mnist-10000"  # all training pairs; those of the ablations
THREE, FIVE = (0, 1, 2), (0, 1, 2, 3, 4)
QUICK = ("--epochs", "1", "--train-examples", "2000", "--held-examples", "2000")


def summary():
    """The slides' table: 25 layers, 1,137,606 trainable parameters, and its last four output shapes."""
    from corrmcnn import model

    rows = model.layer_table(model.build(left_shape=(28, 14, 1), right_shape=(28, 14, 1)))
    parameters = sum(count for _, _, count in rows)
    shapes = [shape for _, shape, _ in rows[-3:]]
    holds = len(rows) == 25 and parameters == 1_137_606 and shapes == [(294,), (26, 12, 3), (28, 14, 1)]
    return holds, {"layers": len(rows), "parameters": parameters}


def normalised_outputs():
    """Batch normalisation of random numbers: mean, variance and norm of a channel."""
    from corrmcnn.layers import normalise

    x = np.random.default_rng(0).normal(3.0, 2.0, (1000, 4)).astype(np.float32)
    out = np.asarray(normalise(True)[0](x, training=True))
    found = {
        "mean": float(np.abs(out.mean(axis=0)).max()),
        "variance": float(out.var(axis=0).mean()),
        "norm": float(np.linalg.norm(out, axis=0).mean()),
    }
    return found["norm"] < 1e-3 and abs(found["variance"] - 1) < 1e-3, found


def numbers(id_, source, claim, variant, metric, expected, tolerance, unit, reading=None):
    """A published number on MNIST; more is better."""
    how = f"mean over seeds within {tolerance} of {expected}, or above"
    check = number(variant, MNIST, metric, expected, tolerance, "higher")
    return Claim(f"corrmcnn-{id_}", source, claim, expected, unit, how, check, reading)


def single_view(side, expected):
    """The slides' result for one half alone, in both readings of their errors."""
    claim = f"A classifier of joint codes reads {expected} % of {side} halves"
    metric = f"test/single_view_{side}_percent"
    how = (
        "whether one more of our runs could give it: 95 % prediction interval; one wider than 5 points decides nothing"
    )
    check = one_of_our_runs("blog_sum", MNIST, metric, expected, 5.0)
    return [
        Claim(f"corrmcnn-single-view-{side}-sum", SLIDES, claim, expected, "percent", how, check, SUMS),
        numbers(f"single-view-{side}", SLIDES, claim, "blog", metric, expected, 1.0, "percent", MEANS),
    ]


def rebuilds(predicted, given, metric, mean_image):
    """The slides' pictures of one half rebuilt from the other, in both readings of their errors."""
    return [
        Claim(f"corrmcnn-reconstructs-{predicted}{suffix}", SLIDES,
              f"Rebuilds one view given the other: {predicted} from {given}", f"below the mean image's {mean_image}",
              "mse", f"pixel error of `{variant}` against the mean training image",
              at_most(variant, MNIST, metric, mean_image), reading)
        for suffix, variant, reading in (("-sum", "blog_sum", SUMS), ("", "blog", MEANS))
    ]  # fmt: skip


def helps(id_, claim, first, second, metric, better="higher", unit="percent"):
    """A direction the slides state: variant `first` beats `second` on `metric`, in the reading whose base trains."""
    how = f"paired t-test of {header(metric)}; `{first}` against `{second}`, 10,000 training pairs"
    check = better_than((f"{first}@sum", PART), (f"{second}@sum", PART), metric, better)
    return Claim(f"corrmcnn-{id_}", SLIDES, claim, better, unit, how, check, SUMS)


def goal(id_, claim, variant, metric, bound, unit, check=at_least):
    """A bound that our own variants are to reach."""
    side = "at least" if check is at_least else "at most"
    how = f"mean over seeds {side} {bound}"
    return Claim(f"corrmcnn-{id_}", GOAL, claim, bound, unit, how, check(variant, MNIST, metric, bound))


BY_SUMS = (  # of the slides' errors over pixels, with their framework's linear pixels and initial weights
    "--pixel-error", "sum", "--output-activation", "linear", "--initial-weights", "pytorch", "--tag", "sum",
)  # fmt: skip
UNCHANGED = Unchanged(
    "corrmcnn.train", "l7", MNIST, (*BY_SUMS[:-2], "--train-examples", "5000", "--epochs", "5"),
    "mnist-5000", LEFT_TO_RIGHT, 3.0, "points", "transfer left to right", (0, 1, 2),
)  # fmt: skip
CLAIMS = [
    Claim("corrmcnn-summary", SLIDES, "The network: 25 layers with these output shapes, 1,137,606 parameters",
          1_137_606, "parameters", "the table of the built network", exact(summary, "corrmcnn.claims.summary")),
    Claim("corrmcnn-zero-norm", SLIDES, "Batch normalisation gives hidden outputs 'zero norm and unit variance'",
          "zero norm, unit variance", "", "outputs for normal numbers; it is the mean that becomes zero",
          exact(normalised_outputs, "corrmcnn.claims.normalised_outputs")),
    *single_view("left", 74.25),
    *single_view("right", 77.68),
    *rebuilds("right", "left", CROSS_RIGHT, 0.0717),
    *rebuilds("left", "right", CROSS_LEFT, 0.0633),
    Claim("corrmcnn-better-correlation", SLIDES, "Better correlation values than the previous papers",
          "above CorrNet's 42.57", "of 50", "sum of correlations of `blog`",
          at_least("blog", MNIST, SUM, 42.57), MEANS),
    Claim("corrmcnn-better-correlation-sum", SLIDES, "Better correlation values than the previous papers",
          "above CorrNet's 42.57", "of 50", "sum of correlations of `blog_sum`",
          at_least("blog_sum", MNIST, SUM, 42.57), SUMS),
    helps("convolution-transfer", "Convolutions encode better than CorrNet's plain layers (transfer)",
          "l7", "no_convolution", LEFT_TO_RIGHT),
    helps("convolution-reconstruction", "Convolutions encode better than CorrNet's plain layers (right from left)",
          "l7", "no_convolution", CROSS_RIGHT, "lower", "mse"),
    helps("deconvolution", "Deconvolution decodes better than a plain layer (right from left)",
          "l7", "no_deconvolution", CROSS_RIGHT, "lower", "mse"),
    helps("batch-norm-speed", "Batch normalisation speeds up training (loss after one epoch)",
          "l7", "no_batch_norm", "validation/loss_after_one_epoch", "lower", ""),
    helps("batch-norm-correlation", "Batch normalisation gives better correlation values",
          "l7", "no_batch_norm", SUM, "higher", "of 50"),
    helps("vanishing-gradient", "ReLU and batch normalisation against the vanishing gradient of sigmoids",
          "l7", "sigmoid_no_batch_norm", "gradient/start/first_to_code", "higher", "ratio of norms"),
    helps("vanishing-relu", "ReLU by itself helps against the vanishing gradient",
          "no_batch_norm", "sigmoid_no_batch_norm", "gradient/start/first_to_code", "higher", "ratio of norms"),
    helps("vanishing-batch-norm", "Batch normalisation by itself helps against the vanishing gradient",
          "sigmoid", "sigmoid_no_batch_norm", "gradient/start/first_to_code", "higher", "ratio of norms"),
    helps("poor-solution", "With vanishing gradients the network converges to a poor solution (right from left)",
          "l7", "sigmoid_no_batch_norm", CROSS_RIGHT, "lower", "mse"),
    helps("relu-sigmoid", "ReLU rather than sigmoid (transfer)", "l7", "sigmoid", LEFT_TO_RIGHT),
    helps("dropout-gap", "Dropout prevents over-fitting (error on test minus on training pairs)",
          "l7", "no_dropout", "gap/cross_mse_left_to_right", "lower", "mse"),
    helps("dropout-test", "Dropout makes the network generalise better (right from left)",
          "l7", "no_dropout", CROSS_RIGHT, "lower", "mse"),
    helps("l4", "L4 makes hidden layers alike, which helps (transfer)", "l4", "l1_l3", LEFT_TO_RIGHT),
    helps("l5", "L5 makes the rebuilt views alike, which helps (transfer)", "l5", "l4", LEFT_TO_RIGHT),
    helps("l6", "L6 makes the codes correlated", "l6", "l5", SUM, "higher", "of 50"),
    helps("l7-correlation", "Correlating every step, not only the code, raises the correlation", "l7", "l6", SUM,
          "higher", "of 50"),
    helps("l7-transfer", "Correlating every step, not only the code, helps (transfer)", "l7", "l6", LEFT_TO_RIGHT),
    *(
        Claim(f"corrmcnn-l7-{id_}", SLIDES, "Correlating every step, not only the code, raises the correlation",
              "higher", "of 50",
              f"paired t-test of {header(SUM)}; `l7` with these lambdas against `l6`, 10,000 training pairs",
              better_than((f"l7@{tag}", PART), ("l6@sum", PART), SUM, "higher"), f"{SUMS}; {lambdas}")
        for id_, tag, lambdas in (
            ("by-part", "sum_lambda_by_part", "0.003 for both encoder layers, 0.05 for the decoder's"),
            ("by-layer", "sum_lambda_by_layer", "0.02 and 0.003 for the encoder's layers, 0.05 for the decoder's"),
        )
    ),
    Claim("corrmcnn-tied", SLIDES, "A tied-weights architecture is one of the contributions", "better", "percent",
          "paired t-test of transfer, dense layers run backwards with the same kernels against kernels of their own",
          better_than(("l7@sum_tied", PART), ("l7@sum_untied", PART), LEFT_TO_RIGHT, "higher"), SUMS),
    Claim("corrmcnn-transfer", SLIDES, "Reconstruction objectives already adapt to transfer (L1 + L2 + L3)",
          "above chance", "percent", "transfer of `l1_l3` above twice chance", at_least("l1_l3@sum", PART,
          LEFT_TO_RIGHT, 20.0), SUMS),
    Claim("corrmcnn-relu-efficient", SLIDES, "ReLU is mathematically more efficient than sigmoid", "faster", "",
          "", not_testable("the speed of one activation is lost in that of the convolutions around it")),
    Claim("corrmcnn-cca-scales", SLIDES, "CCA has scalability issues and reconstructs poorly", "", "", "",
          not_testable("CCA has no decoder; linear regression and CCA stand in corrnet/results.json")),
    Claim("corrmcnn-high-rates", SLIDES, "High learning rates resulted in vanishing gradients", "", "", "",
          not_testable("about the history of the field; gradients before and after training are in the figures")),
    numbers("arc1-sum", PAPER, "Arch1: sum-correlation 49.08", "arc1", SUM, 49.08, 0.3, "of 50"),
    numbers("arc1-left-right", PAPER, "Arch1: transfer 90.27 left to right", "arc1", LEFT_TO_RIGHT,
            90.27, 0.5, "percent"),
    numbers("arc1-right-left", PAPER, "Arch1: transfer 91.16 right to left", "arc1", RIGHT_TO_LEFT,
            91.16, 0.5, "percent"),
    numbers("arc2-sum", PAPER, "Arch2: sum-correlation 49.33", "arc2", SUM, 49.33, 0.2, "of 50"),
    numbers("arc2-left-right", PAPER, "Arch2: transfer 84.23 left to right", "arc2", LEFT_TO_RIGHT,
            84.23, 1.0, "percent"),
    numbers("arc2-right-left", PAPER, "Arch2: transfer 85.76 right to left", "arc2", RIGHT_TO_LEFT,
            85.76, 1.0, "percent"),
    numbers("official-left-right", CODE, "Transfer 83.14 left to right", "official", LEFT_TO_RIGHT,
            83.14, 1.0, "percent", UNIT),
    numbers("official-right-left", CODE, "Transfer 83.35 right to left", "official", RIGHT_TO_LEFT,
            83.35, 1.0, "percent", UNIT),
    goal("best-canonical", "`best`: total canonical correlation 47", "best", CANONICAL, 47.0, "of 50"),
    goal("best-rank", "`best`: effective rank 40", "best", RANK, 40.0, "of 50"),
    goal("best-left-right", "`best`: transfer 91.2 left to right", "best", LEFT_TO_RIGHT, 91.2, "percent"),
    goal("best-right-left", "`best`: transfer 91.2 right to left", "best", RIGHT_TO_LEFT, 91.2, "percent"),
    Claim("corrmcnn-best-neighbours", GOAL, "Taking near images for one helps transfer", "higher", "percent",
          f"paired t-test of {header(LEFT_TO_RIGHT)}; `best` against `canonical`",
          better_than(("best", MNIST), ("canonical", MNIST), LEFT_TO_RIGHT, "higher")),
    goal("slow-single-view-left", "The slides' network at a tenth of the rate: 74.25 % of left halves", "blog_slow",
         "test/single_view_left_percent", 74.25, "percent"),
    goal("slow-single-view-right", "The slides' network at a tenth of the rate: 77.68 % of right halves", "blog_slow",
         "test/single_view_right_percent", 77.68, "percent"),
    goal("best-single-view-left", "`best` by the slides' protocol: 74.25 % of left halves", "best",
         "test/single_view_left_percent", 74.25, "percent"),
    goal("best-single-view-right", "`best` by the slides' protocol: 77.68 % of right halves", "best",
         "test/single_view_right_percent", 77.68, "percent"),
    goal("best-cross-right", "`best`: right from left with error .037", "best", CROSS_RIGHT, 0.037, "mse", at_most),
    goal("best-cross-left", "`best`: left from right with error .030", "best", CROSS_LEFT, 0.030, "mse", at_most),
    goal("best-sum", "`best_sum`: sum-correlation above Arch2's 49.33", "best_sum", SUM, 49.33, "of 50"),
    goal("best-sum-left-right", "`best_sum`: transfer above Arch2's 84.23", "best_sum", LEFT_TO_RIGHT,
         84.23, "percent"),
    goal("best-sum-right-left", "`best_sum`: transfer above Arch2's 85.76", "best_sum", RIGHT_TO_LEFT,
         85.76, "percent"),
    *UNCHANGED.goals(),
]  # fmt: skip

TRAIN = "corrmcnn.train"
ABLATIONS = ("l1_l3", "l4", "l5", "l6", "l7", "no_batch_norm", "no_dropout", "sigmoid", "sigmoid_no_batch_norm",
             "no_convolution", "no_deconvolution")  # fmt: skip
DRAWN = ("l1_l3", "l7", "no_batch_norm", "no_dropout", "sigmoid", "sigmoid_no_batch_norm")  # figures compare them
READINGS = ("global_correlation", "paired_steps", "zero_image", "zero_batch")
PROGRAM = (  # what the paper's program has where the paper says nothing
    "--batch-size", "100", "--optimizer", "rmsprop", "--dense-activation", "sigmoid", "--code-activation", "sigmoid",
    "--output-activation", "linear", "--both-weight", "1", "--single-weight", "1", "--tag", "program",
)  # fmt: skip
RUNS = [
    *(Job(TRAIN, variant, MNIST, THREE, quick=QUICK, minutes=20) for variant in ("blog_sum", "blog", "blog_slow")),
    *(Job(TRAIN, variant, MNIST, THREE, quick=QUICK, minutes=12) for variant in ("arc1", "arc2", "best_sum")),
    Job(TRAIN, "best", MNIST, full=("--neighbour-share", "0.35", "--tag", "share35"), quick=None, minutes=12),
    Job(TRAIN, "arc1", MNIST, full=PROGRAM, quick=None, minutes=12),
    Job(TRAIN, "canonical", MNIST, THREE, quick=None, minutes=15),
    Job(TRAIN, "best", MNIST, THREE, quick=(*QUICK, "--batch-size", "500"), minutes=15),
    Job(TRAIN, "official", MNIST, quick=None, minutes=50),
    *(Job(TRAIN, variant, MNIST, THREE, quick=QUICK if variant in DRAWN else None, minutes=4) for variant in ABLATIONS),
    *(Job(TRAIN, variant, MNIST, FIVE, BY_SUMS, None, minutes=1) for variant in ABLATIONS),
    *(
        Job(TRAIN, "l7", MNIST, seeds, (*BY_SUMS[:-1], f"sum_{tag}", *flags), None, minutes=1)
        for tag, seeds, flags in (
            ("tied", FIVE, ("--decoder-units", "300", "500", "--tied")),
            ("untied", FIVE, ("--decoder-units", "300", "500")),
            ("lambda_by_part", THREE, ("--step-correlation-weights", "0.003", "0.003", "0.05")),
            ("lambda_by_layer", THREE, ("--step-correlation-weights", "0.02", "0.003", "0.05")),
        )
    ),
    *(
        Job(TRAIN, variant, MNIST, (0,) if variant.startswith("zero") else THREE, quick=None, minutes=4)
        for variant in READINGS
    ),
    *UNCHANGED.jobs(),
]
