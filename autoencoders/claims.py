"""What the six autoencoder posts say, each with a check on the results; and the goals set beside them."""

import numpy as np

from autoencoders.subpixel import facts
from commands.jobs import Job
from commands.precision import Unchanged
from reporting.claims import (
    Claim,
    Evidence,
    Outcome,
    at_least,
    at_most,
    better_than,
    equivalent,
    exact,
    measured,
    not_testable,
    number,
)

PLAIN, COMPRESSION = "Autoencoders", "Compression of data using Autoencoders"
DENOISING, SPARSE, VARIATIONAL = "Denoising Autoencoders", "Sparse Autoencoders", "Variational Autoencoders"
SUBPIXEL = "Is the deconvolution layer the same as a convolutional layer?"
HINTON = "Hinton & Salakhutdinov 2006 (yardstick)"
GOAL = "goal of this project"
KINDS = {HINTON: "paper", GOAL: "goal"}  # of sources; the others are the documents
MNIST = "mnist"
SSE = "squared error per image"
LINEAR, MEDIAN = "test/gain_over_linear_db", "test/gain_over_median_db"
NEIGHBOURS, PCA_NEIGHBOURS = "test/neighbour_error_percent", "test/pca_neighbour_error_percent"
ELBO = "test/negative_elbo_nats"
PROBE = "test/probe_error_percent"
TRAIN, STUDIES = "autoencoders.train", "autoencoders.studies"
THREE = (0, 1, 2)
LIGHT = ("sparse@light", MNIST)


def raw_size():
    """MiB of MNIST's 60,000 training images, a byte a pixel."""
    size = 60_000 * 28 * 28 / 2**20
    return round(size) == 45, round(size, 2)


def within(variant, metric, better, against, margin=0.0):
    """Checks that of one variant's runs `metric` is better than their metric `against` by more than `margin`."""
    return better_than((variant, MNIST), (variant, MNIST), metric, better, margin, against)


def falls(variants, metric):
    """Checks that the mean of `metric` falls from each variant to the next."""

    def check(evidence: Evidence) -> Outcome:
        rows = {variant: evidence.values(variant, MNIST, metric) for variant in variants}
        if not all(rows.values()):
            return Outcome("not run")
        means = {variant: measured(values)["mean"] for variant, values in rows.items()}
        holds = np.all(np.diff(list(means.values())) < 0)
        return Outcome("replicated" if holds else "not replicated", means, evidence.where(variants[0], MNIST, metric))

    return check


def claim(id_, source, text, expected, unit, how, check, reading=None):
    """A claim of this method."""
    return Claim(f"autoencoders-{id_}", source, text, expected, unit, how, check, reading)


def goal(id_, text, variant, metric, bound, unit, compare=at_most):
    """A number to reach."""
    return claim(id_, GOAL, text, bound, unit, "mean over seeds, test split", compare(variant, MNIST, metric, bound))


UNCHANGED = Unchanged(
    TRAIN, "plain", MNIST,
    ("--train-examples", "5000", "--held-examples", "2000", "--epochs", "4", "--no-probe", "--no-archive"),
    "mnist-5000-2000", "test/sse", 0.3, SSE, "error of the rebuilt digits",
)  # fmt: skip
CLAIMS = [
    claim("beats-pca", PLAIN, "Autoencoders make more complex features than PCA of the same size",
          "lower error", SSE, "PCA's test error minus the plain network's, code of 32",
          within("plain", "test/sse", "lower", "test/pca_sse")),
    claim("visualisation", PLAIN, "A non-linear code of two numbers shows the data better than PCA",
          "lower", "% error", "10 nearest neighbours in the plane",
          within("plain@code2", NEIGHBOURS, "lower", PCA_NEIGHBOURS), "the post's own network with a code of two"),
    claim("visualisation-vae", PLAIN, "A non-linear code of two numbers shows the data better than PCA",
          "lower", "% error", "10 nearest neighbours in the plane",
          within("variational", NEIGHBOURS, "lower", PCA_NEIGHBOURS), "our variational network"),
    claim("visualisation-vae-blog", PLAIN, "A non-linear code of two numbers shows the data better than PCA",
          "lower", "% error", "10 nearest neighbours in the plane",
          within("variational_blog", NEIGHBOURS, "lower", PCA_NEIGHBOURS), "the variational post's own networks"),
    claim("linear", PLAIN, "With linear transformations alone an autoencoder does what PCA does", "at most 1",
          "degrees", "largest angle between the planes that a linear autoencoder and PCA of 8 numbers draw in",
          at_most("linear_study", MNIST, "largest_angle_degrees", 1.0)),
    claim("noise", PLAIN, "Autoencoders remove noise", "above the noisy image", "dB",
          "plain network, 30 % salt and pepper",
          within("denoising", "test/denoised_psnr_db", "higher", "test/noisy_psnr_db")),
    claim("raw-size", COMPRESSION, "The images are 45 MB", 45.0, "MiB",
          "60,000 x 784 bytes are 44.86 MiB (2^20 bytes), 47.04 MB (10^6 bytes)",
          exact(raw_size, "autoencoders.claims.raw_size")),
    claim("text-size", COMPRESSION, "The codes in a text file are 18 MB", 18.0, "MB",
          "60,000 x 32 numbers with six decimals, within 1 MB",
          number("plain", MNIST, "file/text_megabytes", 18.0, 1.0, "same")),
    claim("text-file", COMPRESSION, "The saved decoder gives the data back from the text file", "as without a file",
          "grey value in [0, 1]", "largest difference of a pixel; codes from codes.txt, decoder from its two files",
          at_most("text_file", MNIST, "file/largest_difference", 1e-4)),
    claim("text-file-same", COMPRESSION, "... the same data", "no visible loss (40)", "dB",
          "PSNR of the images that come back; 40 dB is a bound of ours",
          at_least("text_file", MNIST, "file/psnr_db", 40)),
    claim("generalise", COMPRESSION, "Autoencoders only reconstruct images they were trained for",
          "worse by 3", "dB", "PSNR of test digits against Fashion-MNIST, same codec",
          within("compression", "test/coded_psnr_db", "higher", "test/coded_fashion_psnr_db", 3.0)),
    claim("generalise-inverted", COMPRESSION, "Autoencoders only reconstruct images they were trained for",
          "worse by 3", "dB", "PSNR of test digits against the same digits inverted",
          within("compression", "test/coded_psnr_db", "higher", "test/coded_inverted_psnr_db", 3.0)),
    claim("useful-features", DENOISING, "Corruption forces the network to learn useful features", "lower", "% error",
          "linear classifier on 1000 units, wide_denoising against wide",
          better_than(("wide_denoising", MNIST), ("wide", MNIST), PROBE, "lower")),
    *(claim(f"usual-share-{rival}", DENOISING, "Usually 25 to 30 % of the data are corrupted", "lower", "% error",
            f"linear classifier on 1000 units, 30 % of the pixels masked against {rival} %",
            better_than(("wide_denoising", MNIST), (f"wide_denoising@masking{rival}", MNIST), PROBE, "lower"))
      for rival in (10, 50, 70)),
    claim("correlated-inputs", SPARSE, "500 hidden units learn the correlated features of 1,000 inputs", "at least 95",
          "% of variance", "inputs that 50 hidden causes explain; the bound is ours",
          at_least("structured_500", "synthetic", "explained_percent", 95.0)),
    claim("random-inputs", SPARSE, "On completely random inputs that is difficult", "less", "% of variance",
          "1,000 independent inputs against those with structure",
          better_than(("random_500", "synthetic"), ("structured_500", "synthetic"), "explained_percent", "lower")),
    claim("more-units", SPARSE, "More hidden units and a sparsity constraint help there", "more", "% of variance",
          "random inputs: 2,000 sparse units against 500",
          better_than(("random_2000_sparse", "synthetic"), ("random_500", "synthetic"), "explained_percent", "higher")),
    *(claim(id_, source, text, "", "", "", not_testable(why)) for id_, source, text, why in (
        ("generate", VARIATIONAL, "You can generate text, images and even music",
         "no measure of a good picture is stated, no text or music given; digits are drawn in the figure `samples`"),
        ("transfer", PLAIN, "Gigabytes can be sent as megabytes and be given back at the original size",
         "the posts' own numbers, 45 and 18 MB, are judged; the pictures that come back are not the same ones"),
        ("gans", SUBPIXEL, "Sub-pixel layers can be very helpful in GANs and super resolution",
         "neither is built in the post; the layer is compared in an autoencoder"),
    )),
    claim("more-units-sparse", SPARSE, "... the sparsity constraint, not only the number of units", "more",
          "% of variance", "random inputs: 2,000 units with the constraint against 2,000 without",
          better_than(("random_2000_sparse", "synthetic"), ("random_2000", "synthetic"), "explained_percent",
                      "higher")),
    claim("few-active", SPARSE, "A sparsity constraint leaves only some of many units active", "lower", "% of units",
          "units above 5 % of the largest activation, sparse against wide",
          better_than(("sparse", MNIST), ("wide", MNIST), "test/active_percent", "lower")),
    claim("sparse-useful", SPARSE, "Sparse units learn useful structure", "lower", "% error",
          "linear classifier on 1000 units, sparse against wide",
          better_than(("sparse", MNIST), ("wide", MNIST), PROBE, "lower")),
    claim("more-dimensions", VARIATIONAL, "More latent dimensions (5, 10, higher) give better results", "falling",
          SSE, "latent 2, 5, 10, 20 with the same network; 30 gain no more (README)",
          falls(("variational", *(f"variational@latent{n}" for n in (5, 10, 20))), "test/sse")),
    claim("subpixel-equal", SUBPIXEL, "A transposed convolution equals a sub-pixel convolution", 0.0, "",
          "kernel 4 x 4, stride 2, converted; also tests/autoencoders/test_subpixel.py",
          exact(facts.subpixel_equals_transposed, "autoencoders.subpixel.facts.subpixel_equals_transposed")),
    claim("subpixel-lockstep", SUBPIXEL, "... also while they are trained", "equal losses", "relative difference",
          "100 steps of Adam from the same weights, differences of float32 rounding only",
          at_most("subpixel_study", MNIST, "lockstep/largest_relative_loss_difference", 1e-3)),
    claim("subpixel-as-good", SUBPIXEL, "A sub-pixel convolution works the same as a transposed one", "within 0.5", SSE,
          "two one-sided tests over seeds, margin 0.5 stated beforehand (the error is about 4.7)",
          equivalent(("subpixel", MNIST), ("plain", MNIST), "test/sse", 0.5)),
    claim("subpixel-zeros", SUBPIXEL, "It is also a convolution of the image with zeros between its pixels", 0.0, "",
          "kernel 4 x 4, stride 2, integer weights",
          exact(facts.zeros_between, "autoencoders.subpixel.facts.zeros_between")),
    claim("subpixel-shape", SUBPIXEL, "A kernel (4, 1, 2, 2) makes (4, 4, 4) of (1, 4, 4), shuffled (1, 8, 8)",
          "(4, 4, 4), (1, 8, 8)", "", "with the convolution padded to keep 4 x 4; without padding it is 3 x 3",
          exact(facts.example_shapes, "autoencoders.subpixel.facts.example_shapes")),
    claim("subpixel-efficient", SUBPIXEL, "The sub-pixel convolution is efficient", "fewer", "ms",
          "forward and backward pass of the decoder, CPU, taking turns; the exact form of the same function",
          within("subpixel_study", "milliseconds/subpixel", "lower", "milliseconds/transpose")),
    claim("inverse", SUBPIXEL, "Transposed convolution is the inverse operation of convolution", 0.0, "relative error",
          "undoing a convolution; it is the adjoint instead, as tests/autoencoders/test_subpixel.py shows",
          exact(facts.transposed_inverts_convolution, "autoencoders.subpixel.facts.transposed_inverts_convolution")),
    claim("hinton", HINTON, "30 numbers rebuild a digit with squared error 3.00 (PCA: 13.87)", 3.00, SSE,
          "test split, at most", at_most("best@code30", MNIST, "test/sse", 3.00)),
    goal("best", "Code of 32: squared error at most 2.6 per image", "best", "test/sse", 2.6, SSE),
    goal("best30", "Code of 30: squared error at most 2.7", "best@code30", "test/sse", 2.7, SSE),
    *(goal(f"denoising-{noise}", f"{noise}: 2.5 dB above the best linear map", variant, LINEAR, 2.5, "dB", at_least)
      for noise, variant in (("gaussian40", "denoising_best"), ("gaussian50", "denoising_best@gaussian50"))),
    *(goal(f"denoising-{noise}", f"{noise}: 5 dB above the median filter", variant, MEDIAN, 5, "dB", at_least)
      for noise, variant in (("salt25", "denoising_best@salt25"), ("salt30", "denoising_best@salt30"))),
    goal("latent2", "VAE, latent 2: at most 147 nats", "variational", ELBO, 147, "nats"),
    goal("latent20", "VAE, latent 20: at most 104 nats", "variational@latent20", ELBO, 104, "nats"),
    goal("likelihood", "Binarised, importance-sampled: at most 88 nats", "likelihood", "test/nll_nats", 88, "nats"),
    goal("likelihood-today", "... with everything known today: at most 84.5 nats", "likelihood_best", "test/nll_nats",
         84.5, "nats"),
    claim("conditional-bound", GOAL, "Told the class, the network needs fewer nats for the same image", "lower", "nats",
          "the sequel that the post announces; latent 2, same layers and epochs as `variational`",
          better_than(("conditional", MNIST), ("variational", MNIST), ELBO, "lower")),
    goal("conditional-samples", "Nine of ten new digits are recognised as what they were to be", "conditional",
         "samples/recognised_percent", 90, "%", at_least),
    goal("probe", "Linear classifier on a sparse code: at most 2.5 % error", "sparse_kl@units2000", PROBE, 2.5, "%"),
    claim("light-activation", GOAL, "A light L1 halves the mean activation", "half or less", "",
          "sparse@light against wide",
          better_than(LIGHT, ("wide", MNIST), "test/mean_activation", "lower", factor=0.5)),
    claim("light-error", GOAL, "... at no more than 10 % loss of reconstruction", "1.1 or less", SSE,
          "sparse@light against wide",
          better_than(LIGHT, ("wide", MNIST), "test/sse", "lower", factor=1.1)),
    goal("file", "60,000 images in at most 1.3 MB, decoder included", "compression", "file/megabytes", 1.3, "MB"),
    goal("lossless", "10,000 test images without loss, network inside: at most 1.08 bits per pixel", "lossless",
         "file/test_bits_per_pixel", 1.08, "bits"),
    goal("lossless-train", "60,000 images without loss in at most 6.4 MB, network inside", "lossless",
         "file/train_megabytes", 6.4, "MB"),
    goal("lossless-exact", "... every pixel comes back", "lossless", "file/different_pixels", 0, "pixels"),
    goal("lossless-time", "10,000 images are decoded in at most 180 s", "lossless", "seconds/decode_test", 180, "s"),
    goal("winners", "Linear classifier on winner-take-all units: at most 1.6 %", "sparse_best", PROBE, 1.6, "%"),
    goal("file-quality", "... at 24 dB or more", "compression", "file/psnr_db", 24, "dB", at_least),
    *UNCHANGED.goals(),
]  # fmt: skip

SMALL = ("--train-examples", "10000", "--held-examples", "2000")
QUICK = ("--epochs", "1", *SMALL)
DENOISERS = {
    "gaussian50": ("gaussian", 0.5),
    "salt25": ("salt_and_pepper", 0.25),
    "salt30": ("salt_and_pepper", 0.3),
    "masking30": ("masking", 0.3),
}


def tagged(variant, tag, *flags, seeds=(0,), minutes=1.0):
    """The job of a variant with other flags, kept apart by a tag; not part of quick runs."""
    more = (*flags, "--tag", tag)
    return Job(TRAIN, variant, MNIST, seeds, more, None, minutes)


RUNS = [
    Job("autoencoders.studies.baselines", "baseline_study", MNIST, minutes=2,  # first: others draw it
        quick=("--components", "2", "30", "--qualities", "20", "60", *SMALL), quick_minutes=0.4),
    *(Job(TRAIN, variant, MNIST, THREE, quick=QUICK, minutes=2.5, quick_minutes=0.4)
      for variant in ("plain", "denoising")),
    Job(TRAIN, "subpixel", MNIST, THREE, quick=QUICK, minutes=2.5),
    Job(TRAIN, "best", MNIST, THREE, quick=QUICK, minutes=9),
    tagged("best", "code30", "--code", "30", seeds=THREE, minutes=9),
    Job(TRAIN, "denoising_best", MNIST, THREE, quick=QUICK, minutes=2),
    *(tagged("denoising_best", tag, "--corruption", kind, "--amount", str(amount), minutes=2,
             seeds=(0,) if tag == "masking30" else THREE) for tag, (kind, amount) in DENOISERS.items()),
    *(Job(TRAIN, variant, MNIST, THREE, quick=QUICK) for variant in ("wide", "wide_denoising", "sparse", "sparse_kl")),
    tagged("sparse", "light", "--l1", "0.003", seeds=THREE),
    tagged("sparse_kl", "units2000", "--code", "2000", seeds=THREE, minutes=3),
    Job(TRAIN, "sparse_top_k", MNIST, THREE, quick=QUICK),
    Job(TRAIN, "variational", MNIST, THREE, quick=QUICK),
    Job(TRAIN, "variational_blog", MNIST, THREE, quick=None, minutes=4),
    *(tagged("variational", f"latent{n}", "--code", str(n), seeds=THREE) for n in (5, 10, 20, 30)),
    tagged("plain", "code2", "--code", "2", "--no-archive", "--no-probe", seeds=(0, 1, 2, 3, 4), minutes=1),
    *(tagged("wide_denoising", f"masking{n}", "--amount", f"0.{n // 10}", seeds=THREE) for n in (10, 50, 70)),
    Job(f"{STUDIES}.linear", "linear_study", MNIST, THREE, quick=None),
    Job(f"{STUDIES}.text_file", "text_file", MNIST, THREE, quick=None),
    *(Job(f"{STUDIES}.random_inputs", name, "synthetic", THREE, quick=None)
      for name in ("random_500", "structured_500", "random_2000", "random_2000_sparse")),
    *(Job(TRAIN, variant, MNIST, quick=None, minutes=minutes)
      for variant, minutes in (("likelihood", 25), ("likelihood_best", 60))),
    Job(f"{STUDIES}.conditional", "conditional", MNIST, THREE, quick=None, minutes=2),
    Job(TRAIN, "compression", MNIST, THREE, quick=QUICK, minutes=2.5, quick_minutes=0.4),
    *(tagged("compression", f"rate{weight}", "--rate-weight", weight, minutes=2.5) for weight in ("0.005", "0.1")),
    Job("autoencoders.lossless.study", "lossless", MNIST, quick=None, minutes=15),
    Job(TRAIN, "sparse_winners", MNIST, THREE, quick=None, minutes=7),
    Job(TRAIN, "sparse_best", MNIST, (0, 1, 2, 3, 4), quick=None, minutes=3),
    Job("autoencoders.subpixel.study", "subpixel_study", MNIST, (0, 1, 2, 3, 4), quick=("--steps", "20")),
    *UNCHANGED.jobs(),
]  # fmt: skip
