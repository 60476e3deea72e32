"""What the CorrNet guide and the work it cites say, each with a check on the results."""

import numpy as np

from commands.jobs import Job
from commands.precision import SOURCE as SAME
from commands.precision import Unchanged
from reporting.claims import Claim, at_least, at_most, better_than, exact, not_testable, number

BLOG = "A Comprehensive Guide to the Correlational Neural Network with Keras"
PAPER = "Correlational Neural Networks (cited by the guide) and its authors' program"
PORT = "Keras port of the deep CorrNet (DeepLearn)"
NOISE = "NR-DCCA (He et al. 2024)"
KINDS = {SAME: "goal", PAPER: "paper", PORT: "paper", NOISE: "paper"}  # of sources; the others are the documents
SUM, CANONICAL = "test/sum_correlation", "test/total_canonical_correlation"
LEFT_TO_RIGHT, RIGHT_TO_LEFT = "test/transfer_left_to_right_percent", "test/transfer_right_to_left_percent"
MNIST, PART = "mnist", "mnist-10000"
TEXT, LISTING = "the guide's text", "the guide's listing, with what it needs to run"
FIVE, THREE = (0, 1, 2, 3, 4), (0, 1, 2)
SMALL = ("--train-examples", "10000", "--held-examples", "2000")
QUICK = ("--epochs", "2", *SMALL)


def shared_bias():
    """H = f(Wa Ia + Wv Iv + b) with views of unequal size; a zero view equals a missing one."""
    from corrnet import model

    network = model.build(left_shape=(7,), right_shape=(4,), code_units=3)
    network.bias.assign([0.5, -0.5, 0.25])
    x, y = np.random.default_rng(0).random((5, 7), np.float32), np.random.default_rng(1).random((5, 4), np.float32)
    kernels = (np.asarray(view.kernels[0]) for view in (network.left, network.right))
    before = x @ next(kernels) + y @ next(kernels) + np.asarray(network.bias)
    error = np.abs(np.asarray(network.encode(left=x, right=y)) - 1 / (1 + np.exp(-before))).max()
    gap = np.abs(np.asarray(network.encode(left=x) - network.encode(left=x, right=np.zeros_like(y)))).max()
    return bool(error < 1e-6 and gap == 0), {"largest error": float(error), "zero view - no view": float(gap)}


def numbers(id_, source, claim, variant, metric, expected, tolerance, unit, better="higher"):
    """A published number on MNIST."""
    how = f"mean over seeds within {tolerance} of {expected}"
    check = number(variant, MNIST, metric, expected, tolerance, better)
    return Claim(f"corrnet-{id_}", source, claim, expected, unit, how, check)


def rebuilds(predicted, given, metric, mean_image):
    """One view rebuilt from the other, by the guide's text and by its listing."""
    return [
        Claim(
            f"corrnet-reconstructs-{predicted}{suffix}", BLOG,
            f"Either view is rebuilt from the other: {predicted} from {given}", f"below the mean image's {mean_image}",
            "mse", f"pixel error of `{variant}` against the mean training image",
            at_most(variant, MNIST, metric, mean_image), reading,
        )
        for suffix, variant, reading in (("", "blog", TEXT), ("-listing", "printed", LISTING))
    ]  # fmt: skip


UNCHANGED = Unchanged(
    "corrnet.train", "paper", MNIST, ("--train-examples", "5000", "--epochs", "10"),
    "mnist-5000", LEFT_TO_RIGHT, 1.0, "points", "transfer left to right",
)  # fmt: skip
CLAIMS = [
    Claim(
        "corrnet-equations", BLOG, "The code is H = f(Wa.Ia + Wv.Iv + b), one bias, views of any size",
        "equal", "", "formula against the model, and a zero view against no view",
        exact(shared_bias, "corrnet.claims.shared_bias"),
    ),
    *rebuilds("right", "left", "test/cross_mse_left_to_right", 0.0717),
    *rebuilds("left", "right", "test/cross_mse_right_to_left", 0.0633),
    *(
        Claim(
            f"corrnet-{word}", BLOG, claim, "below the mean image's 0.0717", "mse",
            f"right from left, pixel error of `blog@{word}` against the mean training image",
            at_most(f"blog@{word}", MNIST, "test/cross_mse_left_to_right", 0.0717), TEXT,
        )
        for word, claim in (
            ("absolute", "The reconstruction loss may be the mean absolute error as well"),
            ("tanh", "f may be tanh as well as sigmoid"),
        )
    ),
    Claim(
        "corrnet-correlation-term", BLOG, "Subtracting the correlation from the loss raises it", "higher", "",
        "`paper` against lambda 0, same seeds", better_than(("paper", MNIST), ("multimodal", MNIST), SUM, "higher"),
    ),
    *(
        Claim(
            f"corrnet-printed-sign{suffix}", BLOG,
            "The printed loss `return K.sum(corr) * Lambda` maximises the correlation", "positive", f"of {units}",
            f"sum of correlations of `{variant}`, which keeps the printed sign", at_least(variant, MNIST, SUM, 0.0),
            reading,
        )
        for suffix, variant, units, reading in (("", "sign_bug", 50, TEXT), ("-listing", "printed_sign", 10, LISTING))
    ),
    Claim(
        "corrnet-listing-correlates", BLOG, "The listing learns correlated codes, once its sign is mended",
        "at least 9", "of 10",
        "sum of correlations of `printed`; the bound is ours: nine tenths of all that 10 units can have",
        at_least("printed", MNIST, SUM, 9.0), LISTING,
    ),
    *(
        Claim(f"corrnet-{id_}", BLOG, claim, "", "", "", not_testable(why))
        for id_, claim, why in (
            ("tasks", "Common codes serve cross-language classification and transliteration equivalence",
             "needs paired documents or names in two languages, which do not come with the guide; on halves of digits "
             "transfer and retrieval stand for them"),
            ("subtitles", "Codes of video and sound give better subtitles than sound alone",
             "\"could help\": needs a corpus of films; the guide states no number"),
        )
    ),
    Claim(
        "corrnet-cross-loss", BLOG, "Cross-reconstruction is what makes the two codes agree", "higher", "percent",
        "transfer of L2 + L3 against L1 alone",
        better_than(("l2_l3", MNIST), ("l1", MNIST), LEFT_TO_RIGHT, "higher"),
    ),
    Claim(
        "corrnet-correlation-transfer", BLOG, "The correlation term makes codes of one view usable for the other",
        "higher", "percent", "transfer of `paper` against lambda 0",
        better_than(("paper", MNIST), ("multimodal", MNIST), LEFT_TO_RIGHT, "higher"),
    ),
    Claim(
        "corrnet-downstream-left", BLOG, "The common code raises performance on downstream tasks (left half)",
        "above raw pixels, 81.60", "percent", "classes from the left code against left pixels, published protocol",
        at_least("paper", MNIST, "test/within_left_percent", 81.60, significantly=True),
    ),
    Claim(
        "corrnet-downstream-right", BLOG, "The common code raises performance on downstream tasks (right half)",
        "above raw pixels, 80.07", "percent", "classes from the right code against right pixels, published protocol",
        at_least("paper", MNIST, "test/within_right_percent", 80.07, significantly=True),
    ),
    Claim(
        "corrnet-missing-generated", BLOG,
        "Trained on 10,000 pairs, it generates the views that 5,000 + 5,000 other samples lack",
        "better than the mean view", "percent", "squared error of generated right views below the mean view's",
        at_least("missing_pairs", MNIST, "generated_gain_right_percent", 10.0),
    ),
    Claim(
        "corrnet-missing-useful", BLOG, "The generated views help a downstream task", "above 0", "points",
        "accuracy with completed samples minus with pairs only",
        at_least("missing_pairs", MNIST, "test/downstream_gain_points", 0.0, significantly=True),
    ),
    numbers("official-sum", PAPER, "Sum-correlation 42.57 at lambda 2", "official", SUM, 42.57, 0.1, "of 50"),
    numbers("official-left-right", PAPER, "Transfer 77.05 left to right", "official", LEFT_TO_RIGHT,
            77.05, 0.5, "percent"),
    numbers("official-right-left", PAPER, "Transfer 78.81 right to left", "official", RIGHT_TO_LEFT,
            78.81, 0.5, "percent"),
    numbers("seeds-sum", PAPER, "Sum-correlation 42.57, over seeds", "paper", SUM, 42.57, 0.5, "of 50"),
    numbers("multimodal-sum", PAPER, "Sum-correlation 24.40 without the correlation term", "multimodal", SUM, 24.40,
            0.3, "of 50"),
    numbers("lambda5-self-norm", PAPER, "'MSE' 3.6, left from left, lambda 5 (an error norm)", "lambda5",
            "test/self_norm_left", 3.6, 0.05, "norm", "lower"),
    numbers("lambda5-cross-norm", PAPER, "'MSE' 4.3, right from left, lambda 5 (an error norm)", "lambda5",
            "test/cross_norm_left_to_right", 4.3, 0.05, "norm", "lower"),
    numbers("raw-left", PAPER, "Raw left pixels classify 81.62", "raw_pixels", "test/within_left_percent",
            81.62, 0.2, "percent", "same"),
    numbers("raw-right", PAPER, "Raw right pixels classify 80.06", "raw_pixels", "test/within_right_percent",
            80.06, 0.2, "percent", "same"),
    numbers("cca-total", PAPER, "Linear CCA: total canonical correlation 28.0", "cca", CANONICAL, 28.0, 0.8, "of 50"),
    numbers("kcca-total", PAPER, "Kernel CCA: 33.0 (ours on random features)", "kcca", CANONICAL, 33.0, 1.0, "of 50"),
    numbers("dcca-total", PAPER, "Deep CCA: 39.7", "dcca", CANONICAL, 39.7, 1.0, "of 50"),
    Claim(
        "corrnet-beats-cca", PAPER, "CorrNet learns more correlated codes than CCA (its sum against CCA's)",
        "higher", "of 50", "like with like: both total canonical correlations; CCA's is 28",
        at_least("paper", MNIST, CANONICAL, 28.0),
    ),
    numbers("deep-sum", PORT, "Sum-correlation 49.13 of a 500-300-50 CorrNet", "deep", SUM, 49.13, 0.3, "of 50"),
    numbers("deep-left-right", PORT, "Its transfer left to right: 88.79", "deep", LEFT_TO_RIGHT, 88.79, 1.0, "percent"),
    Claim(
        "corrnet-collapse", NOISE, "Deep CCA loses what it had found when training goes on", "at least 1", "of 50",
        "`dcca`, 10,000 pairs, 100 epochs: held-out canonical correlation at its highest minus at the end; a threshold "
        "of ours, our network with batch normalisation, dropout and a rate that falls",
        at_least("dcca@long", PART, "validation/canonical_lost", 1.0),
    ),
    *(
        Claim(
            f"corrnet-noise-{name}", NOISE, "Noise regularisation makes better codes than deep CCA", "higher",
            "percent", f"noisy pairs of a class, 10,000, 40 epochs: {words}; paired over seeds",
            better_than(("noisy_dcca_noise_regularised", PART), ("noisy_dcca", PART), metric, "higher"),
        )
        for name, words, metric in (("left-right", "transfer to the noisy view", LEFT_TO_RIGHT),
                                    ("right-left", "transfer from it", RIGHT_TO_LEFT))
    ),
    *UNCHANGED.goals(),
]  # fmt: skip

TRAIN, RIVALS = "corrnet.train", "corrnet.studies.rivals"
RUNS = [
    Job(TRAIN, "official", MNIST, quick=QUICK, minutes=1.2),
    *(Job(TRAIN, variant, MNIST, full=("--official-seed", "123", "--tag", "official"), quick=None, minutes=1.2)
      for variant in ("multimodal", "lambda5")),
    Job(TRAIN, "paper", MNIST, FIVE, quick=QUICK, minutes=1.2),
    *(Job(TRAIN, variant, MNIST, THREE, quick=QUICK, minutes=1.2)
      for variant in ("lambda5", "multimodal", "l1", "l1_corr", "l2_l3", "l2_l3_corr")),
    *(Job(TRAIN, variant, MNIST, THREE, quick=QUICK, minutes=2)
      for variant in ("blog", "blog_relu", "sign_bug", "printed", "printed_sign")),
    Job(TRAIN, "blog", MNIST, THREE, ("--reconstruction", "mean_absolute", "--tag", "absolute"), None, 2),
    Job(TRAIN, "blog", MNIST, THREE, ("--hidden-activation", "tanh", "--tag", "tanh"), None, 2),
    Job(TRAIN, "deep", MNIST, THREE, quick=QUICK, minutes=5),
    *(Job(RIVALS, variant, MNIST) for variant in ("cca", "rank_one", "raw_pixels", "mean_image", "linear_regression")),
    Job(RIVALS, "kcca", MNIST, quick=("--features", "500", *SMALL)),
    Job(RIVALS, "dcca", MNIST, THREE, quick=QUICK, minutes=3),
    Job(RIVALS, "dcca_eckart_young", MNIST, THREE, quick=QUICK, minutes=3),
    Job(RIVALS, "supervised", MNIST, quick=("--epochs", "1", *SMALL), minutes=2),
    *(Job("corrnet.studies.missing", variant, MNIST, THREE, quick=(*QUICK, "--pairs", "5000", "--alone", "2500"))
      for variant in ("missing_all", "missing_pairs")),
    Job("corrnet.studies.sweep", "lambda_sweep", MNIST, quick=QUICK, minutes=4),
    *(Job(TRAIN, "paper", data, THREE, quick=None) for data in ("fashion_mnist", "digits")),
    *(Job(RIVALS, variant, data, quick=None)
      for variant in ("cca", "rank_one", "raw_pixels") for data in ("fashion_mnist", "digits")),
    Job(RIVALS, "dcca", "fashion_mnist", quick=None, minutes=3),
    *(Job(RIVALS, f"noisy_{variant}", MNIST, THREE, ("--train-examples", "10000", "--epochs", "40"), None, minutes=2)
      for variant in ("cca", "dcca", "dcca_noise_regularised")),
    Job(TRAIN, "paper", MNIST, THREE, ("--views", "noisy", "--train-examples", "10000", "--tag", "noisy"), None),
    *(Job(RIVALS, variant, MNIST, seeds, ("--train-examples", "10000", "--epochs", "100", "--tag", "long"), None, 4)
      for variant, seeds in (("dcca", THREE), ("dcca_eckart_young", (0,)), ("dcca_noise_regularised", (0,)))),
    Job(RIVALS, "dcca", "digits", full=("--batch-size", "625", "--epochs", "100"), quick=None),
    *UNCHANGED.jobs(),
]  # fmt: skip
