"""What the two capsule posts and the paper say, each with a check on the results; and the goals set beside them."""

import numpy as np

from capsnet.studies.viewpoint import HEADS
from commands.jobs import Job
from commands.precision import Unchanged
from reporting.claims import Claim, at_least, at_most, better_than, exact, not_testable, number

KERAS, CAPSULES = "Implementing Capsule Network in Keras", "Capsule Networks"
PAPER = "Sabour, Frosst and Hinton 2017 (yardstick)"
EFFICIENT = "Mazzia, Salvetti and Chiaberge 2021 (Efficient-CapsNet)"
GOAL = "goal of this project"
KINDS = {PAPER: "paper", EFFICIENT: "paper", GOAL: "goal"}  # of sources; the others are the documents
TRAIN, VIEWPOINT = "capsnet.train", "capsnet.studies.viewpoint"
MNIST, PART, FEW = "mnist", "mnist-10000", "mnist-1000"  # all, the ablation's and a few training images
VIEWS = "mnist-20000"  # of the study of viewpoints
POOLED = {"max_pool": "max pooling", "average_pool": "an average over all positions"}
FEWEST = {10: 300, 100: 100, 1000: 12, 5000: 3}  # training images of the study of few, and their epochs
AFFINE = "validation/affine_error_at_equal_percent"
ERROR, MSE = "test/error_percent", "test/mse"
UNCHANGED = Unchanged(
    TRAIN, "efficient", MNIST, ("--train-examples", "4000", "--held-examples", "4000", "--epochs", "3"),
    "mnist-4000-4000", ERROR, 0.5, "points", "test error", (0, 1, 2),
)  # fmt: skip
CLASS_MEAN_MSE = 0.0529  # of answering every MNIST test image with the mean training image of its class


def shapes():
    """Every shape that the post gives, read off the built network."""
    from capsnet import model

    network = model.build()
    found = {name: tuple(network.get_layer(name).output.shape[1:]) for name in ("convolution", "primary", "digit")}
    found["decoder"] = tuple(layer.units for layer in network.get_layer("decoder").layers if hasattr(layer, "units"))
    expected = {
        "convolution": (20, 20, 256),
        "primary": (6 * 6 * 32, 8),
        "digit": (10, 16),
        "decoder": (512, 1024, 784),
    }
    return found == expected, {name: " x ".join(map(str, shape)) for name, shape in found.items()}


def efficient_parameters():
    """Trainable and all numbers of Efficient-CapsNet without its decoder."""
    from capsnet import efficient

    network = efficient.build(decoder_units=())
    found = {"trainable": sum(w.shape.num_elements() for w in network.trainable_weights), "all": network.count_params()}
    return found == {"trainable": 161_824, "all": 162_400}, found


def only_the_labelled_capsule_learns():
    """Largest gradient of the reconstruction error at the labelled and at the other capsules."""
    import tensorflow as tf

    from capsnet import losses, model

    network = model.build(filters=4, primary_types=2, compiled=False)
    random = np.random.default_rng(0)
    image, label = tf.constant(random.random((4, 28, 28, 1)), tf.float32), tf.constant([3, 1, 4, 5])
    capsules = tf.constant(random.normal(size=(4, 10, 16)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(capsules)
        error = tf.reduce_mean(losses.reconstruction_loss(image, model.decode(network, capsules, label)))
    gradient = np.abs(tape.gradient(error, capsules)).max(-1)
    labelled = np.eye(10, dtype=bool)[label]
    found = {"labelled": float(gradient[labelled].min()), "others": float(gradient[~labelled].max())}
    return found["others"] == 0 < found["labelled"], found


def couplings_sum_to_one():
    """Largest deviation from 1 of an input capsule's couplings, and from 1 / 10 before the first update."""
    from capsnet.routing import route

    votes = np.random.default_rng(0).normal(size=(20, 3, 10, 16)).astype(np.float32)
    couplings = np.array(route(votes, iterations=3)[1])
    found = {"sum": float(np.abs(couplings.sum(-1) - 1).max()), "first": float(np.abs(couplings[0] - 0.1).max())}
    return max(found.values()) < 1e-5, found


def agreement_attracts():
    """Coupling to an output that nine of ten input capsules agree on, of one of the nine and of the tenth."""
    from capsnet.routing import route

    votes = np.zeros((10, 1, 2, 16), np.float32)  # all of length 1
    votes[:9, 0, 0, 0], votes[9, 0, 0, 0] = 1, -1
    votes[range(10), 0, 1, range(10)] = 1  # on output 1 everybody points elsewhere
    last = np.array(route(votes, iterations=3)[1])[-1, :, 0, 0]
    found = {"agrees": float(last[:9].min()), "disagrees": float(last[9])}
    return found["agrees"] > 0.5 > found["disagrees"], found


def lengths_stay_below_one():
    """Smallest and largest length of squashed vectors of length 1e-6 to 1e6."""
    from capsnet.routing import squash

    vectors = np.random.default_rng(0).normal(size=(13, 8)).astype(np.float32) * np.logspace(-6, 6, 13)[:, None]
    lengths = np.linalg.norm(np.array(squash(vectors.astype(np.float32)), np.float64), axis=-1)
    return bool((lengths >= 0).all() and (lengths < 1 + 1e-6).all()), [float(lengths.min()), float(lengths.max())]


def claim(id_, source, text, expected, unit, how, check):
    """A claim of this method."""
    return Claim(f"capsnet-{id_}", source, text, expected, unit, how, check)


def trained(id_, source, text, bound, unit, how, metric, check):
    """What a trained network is to show, by the post's recipe and by the paper's, which it explains."""
    threshold = f"{how}; {'at least' if check is at_least else 'at most'} {bound:.4g}, a threshold of ours"
    return [
        Claim(
            f"capsnet-{id_}{suffix}",
            source,
            text,
            bound,
            unit,
            threshold,
            check(variant, MNIST, metric, bound),
            reading,
        )
        for suffix, variant, reading in (("", "blog", "the post's recipe"), ("-paper", "paper", "the paper's recipe"))
    ]


def lower(id_, source, text, first, second, how, metric=ERROR):
    """The claim that `first` (variant, data) has the lower error."""
    check = better_than(first, second, metric, "lower")
    return claim(id_, source, text, "lower", "% error", f"{how}; paired t-test over seeds", check)


CLAIMS = [
    claim("accuracy", KERAS, "99.09 % of the test set are read correctly", 0.91, "% error",
          "blog, 10 epochs, last epoch, within 0.1; the post validated on the test set",
          number("blog", MNIST, ERROR, 0.91, 0.1, "lower")),
    *trained("reconstruction", KERAS, "Reconstructed images look good", CLASS_MEAN_MSE / 2, "squared error per pixel",
             "drawn from the longest capsule, as the post's text has it for testing: at most half the error of the "
             f"class's mean image ({CLASS_MEAN_MSE}), which any network that knows the label could show", MSE, at_most),
    claim("shapes", KERAS, "20 x 20 x 256, then 6 x 6 x 32 capsules of 8, then 10 x 16, then 512, 1024, 784",
          "equal", "", "the built network's shapes", exact(shapes, "capsnet.claims.shapes")),
    claim("mask", KERAS, "The mask lets the decoder train only the correct digit capsule", "others get no gradient", "",
          "gradient of the reconstruction error at every capsule",
          exact(only_the_labelled_capsule_learns, "capsnet.claims.only_the_labelled_capsule_learns")),
    claim("promising", KERAS, "Early research has given a clear indication that capsules are worth exploring", "", "",
          "an opinion", not_testable("an opinion about the future")),
    claim("squash", CAPSULES, "The squashing function keeps lengths between 0 and 1", "0 to 1", "",
          "lengths 1e-6 to 1e6 in float32, where 1 is reached by rounding",
          exact(lengths_stay_below_one, "capsnet.claims.lengths_stay_below_one")),
    claim("couplings", CAPSULES, "Couplings of a lower capsule sum to 1; b starts at zero", 1, "",
          "softmax over the output capsules", exact(couplings_sum_to_one, "capsnet.claims.couplings_sum_to_one")),
    claim("agreement", CAPSULES, "Lower capsules send to the higher capsule that they agree on", "above 1/2", "",
          "nine of ten capsules agree on one of two outputs",
          exact(agreement_attracts, "capsnet.claims.agreement_attracts")),
    claim("agreement-trained", CAPSULES, "... and so most votes go to the true class", 50.0, "%",
          "share of the trained network's votes in the last iteration, weighted by length, of 100 test images; 10 % is "
          "an even share; at least 50, a threshold of ours",
          at_least("blog", MNIST, "test/true_class_share_percent", 50.0)),
    *trained("length-stays", CAPSULES, "Changing the input a little leaves the capsule's length the same", 5.0, "%",
             "mean change of the true class's length under shifts of 1 and 2 pixels", "test/length_change_percent",
             at_most),
    *trained("pose-moves", CAPSULES, "... while its output changes along (equivariance)", 0.5, "R^2",
             "share of the shift's variance that a linear map of the true class's pose explains", "test/shift_r2",
             at_least),
    lower("less-data-9x9", CAPSULES, "Capsule networks need less data than CNNs", ("routing_3", FEW), ("cnn_9x9", FEW),
          "1,000 training images, against CapsNet's convolutions with average pooling"),
    lower("less-data-5x5", CAPSULES, "Capsule networks need less data than CNNs", ("routing_3", FEW), ("cnn_5x5", FEW),
          "1,000 training images, against the paper's 5x5 convolutions"),
    lower("pooling", CAPSULES, "Without pooling no useful features are lost", ("routing_3", PART), ("cnn_9x9", PART),
          "10,000 training images, against the same convolutions with average pooling"),
    lower("decoder", CAPSULES, "The decoder further boosts the capsules", ("routing_3", PART),
          ("no_reconstruction", PART), "10,000 training images, with and without reconstruction"),
    lower("affine", PAPER, "Capsules are more robust to affine transformations than a CNN", ("routing_3", PART),
          ("cnn_9x9", PART), "rotated test images, never seen in training", "test/rotated_error_percent"),
    *(lower(f"viewpoint-{pooled}", PAPER,
            "79 % of affNIST read by capsules against 66 % by a CNN that reads plain digits as well",
            ("viewpoint_routed", VIEWS), (f"viewpoint_{pooled}", VIEWS),
            f"40 x 40, learned at any place, asked deformed, where both read 98 % of plain digits; routed capsules and "
            f"{words} behind the same convolutions, equal parameters", AFFINE)
      for pooled, words in POOLED.items()),
    *(lower(f"few-{pooled}-{few}", CAPSULES, f"Capsule networks need less data than CNNs: {few:,} images",
            ("few_routed", f"{MNIST}-{few}"), (f"few_{pooled}", f"{MNIST}-{few}"),
            f"routed capsules and {words} behind the same convolutions, equal parameters, steps and shifts")
      for pooled, words in POOLED.items() for few in FEWEST),
    lower("routing", PAPER, "Three routing iterations beat one", ("routing_3", PART), ("routing_1", PART),
          "10,000 training images"),
    claim("paper", PAPER, "0.25 % error with 3 iterations and reconstruction", 0.25, "% error",
          "paper, last epoch, within 0.05, far fewer epochs", number("paper", MNIST, ERROR, 0.25, 0.05, "lower")),
    claim("multi-mnist", PAPER, "5.2 % of overlapping pairs are misread", 5.2, "% error",
          "multi_mnist, both digits, within 1; 40,000 training pairs here, 60 million in the paper",
          number("multi_mnist", "mnist-20000", ERROR, 5.2, 1.0, "lower")),
    claim("multi-mnist-efficient", PAPER, "5.2 % of overlapping pairs are misread", 5.2, "% of pairs",
          "multi_efficient, both digits, within 1; a million pairs here, 60 million in the paper; another network",
          number("multi_efficient@batch32", MNIST, "test/pairs_wrong_percent", 5.2, 1.0, "lower")),
    claim("efficient-parameters", EFFICIENT, "161,824 trainable parameters", 161_824, "parameters",
          "the built network without its decoder", exact(efficient_parameters, "capsnet.claims.efficient_parameters")),
    claim("efficient", EFFICIENT, "0.26 % error of a single network", 0.26, "% error",
          "efficient, last epoch, test read once (its program takes the best epoch on the test set), within 0.05",
          number("efficient", MNIST, ERROR, 0.26, 0.05, "lower")),
    claim("goal-efficient", GOAL, "Efficient-CapsNet: at most 0.30 % error, mean of three seeds", 0.30, "% error",
          "last epoch", at_most("efficient", MNIST, ERROR, 0.30)),
    claim("goal-vote", GOAL, "A vote of three of them with shifts at test time: at most 0.25 %", 0.25, "% error",
          "nine shifts; a vote, never compared with single networks",
          at_most("vote", MNIST, "test/error_percent_vote_shifts", 0.25)),
    claim("goal-multi-mnist", GOAL, "Two overlapping digits: at most 12 % of pairs misread", 12.0, "% of pairs",
          "multi_efficient in batches of 32 after a million pairs, both digits right, last epoch",
          at_most("multi_efficient@batch32", MNIST, "test/pairs_wrong_percent", 12.0)),
    claim("goal-paper", GOAL, "CapsNet by the paper's recipe: at most 0.60 % error", 0.60, "% error", "last epoch",
          at_most("paper", MNIST, ERROR, 0.60)),
    claim("goal-reconstruction", GOAL, "... and rebuilds digits with at most 0.025", 0.025, "squared error per pixel",
          "drawn from the longest capsule", at_most("paper", MNIST, MSE, 0.025)),
    claim("goal-best", GOAL, "CapsNet `best`, the longest run: at most 0.34 % error", 0.34, "% error", "last epoch",
          at_most("best", MNIST, ERROR, 0.34)),
    claim("goal-best-reconstruction", GOAL, "CapsNet `best` rebuilds digits with at most 0.025", 0.025,
          "squared error per pixel", "best, drawn from the longest capsule", at_most("best", MNIST, MSE, 0.025)),
    claim("goal-efficient-fashion", GOAL, "Efficient-CapsNet misreads at most 6.4 % of Fashion-MNIST", 6.4, "% error",
          "efficient with mirrored images and milder turns, last epoch",
          at_most("efficient", "fashion_mnist", ERROR, 6.4)),
    claim("goal-fashion", GOAL, "CapsNet reads at least 91 % of Fashion-MNIST", 9.0, "% error",
          "best without shifts, 10 epochs, last epoch", at_most("best", "fashion_mnist", ERROR, 9.0)),
    *UNCHANGED.goals(),
]  # fmt: skip

QUICK = ("--epochs", "1", "--train-examples", "1000", "--held-examples", "1000")
ABLATION = ("routing_1", "routing_2", "routing_3", "routing_5", "routing_1_plain", "no_reconstruction",
            "last_gradient", "cnn_5x5", "cnn_9x9")  # fmt: skip
RUNS = [
    Job(TRAIN, "blog", MNIST, (0, 1, 2), quick=QUICK, minutes=35, quick_minutes=0.75),
    Job(TRAIN, "efficient", MNIST, (0, 1, 2), quick=QUICK, minutes=15, quick_minutes=0.25),
    Job("capsnet.studies.vote", "vote", MNIST, quick=None, minutes=2),
    Job(TRAIN, "paper", MNIST, (0,), quick=QUICK, minutes=35, quick_minutes=0.75),
    Job(TRAIN, "official", MNIST, (0,), quick=None, minutes=35),
    Job(TRAIN, "best", MNIST, (0,), quick=None, minutes=70),
    Job(TRAIN, "paper", "fashion_mnist", (0,), ("--epochs", "5"), None, minutes=40),
    Job(TRAIN, "best", "fashion_mnist", (0,), ("--max-shift", "0", "--epochs", "10"), None, minutes=40),
    Job(TRAIN, "efficient", "fashion_mnist", (0,), ("--flip", "--rotation", "5", "--shear", "0", "--scale", "0.1"),
        None, minutes=70),
    Job(TRAIN, "multi_mnist", MNIST, (0,), quick=QUICK, minutes=20, quick_minutes=0.75),
    Job(TRAIN, "multi_efficient", MNIST, (0,), quick=None, minutes=25),
    Job(TRAIN, "multi_efficient", MNIST, (0,),
        ("--batch-size", "32", "--precision", "mixed_bfloat16", "--tag", "batch32"), None, minutes=50),
    Job(TRAIN, "multi_mnist", MNIST, (0,), ("--batch-size", "128", "--schedule", "exponential", "--tag", "batch128"),
        None, minutes=20),
    *(Job(TRAIN, variant, MNIST, (0, 1, 2), ("--train-examples", "10000"), None, minutes=4) for variant in ABLATION),
    *(Job(TRAIN, variant, MNIST, (0, 1, 2), ("--train-examples", "1000", "--epochs", "30"), None, minutes=5)
      for variant in ("routing_3", "cnn_5x5", "cnn_9x9")),
    *(Job(VIEWPOINT, f"viewpoint_{head}", MNIST, (0, 1, 2), ("--train-examples", "20000"), None, minutes=1)
      for head in HEADS),
    *(Job(VIEWPOINT, f"few_{head}", MNIST, (0, 1, 2, 3, 4), ("--train-examples", str(few), "--epochs", str(epochs)),
          None, minutes=0.3) for few, epochs in FEWEST.items() for head in HEADS),
    *UNCHANGED.jobs(),
]  # fmt: skip
