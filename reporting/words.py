"""Metrics in words with their units, for the headers of tables: `header("test/error_percent")` is "error, %"."""

import re

UNITS = {"_percent": "%", "_nats": "nats", "_db": "dB", "_ms": "ms", "_megabytes": "MB"}
# What stands before the slash of a metric; what is measured on the test split needs no word.
PLACES = {
    "test": "", "file": "", "megabytes": "{} , MB", "milliseconds": "{} , ms", "lockstep": "",
    "bits": "{} , bits per pixel",
    "gap": "{} , test - train", "temperature": "{} , temperature scaling", "platt": "{} , Platt scaling",
    "beta": "{} , beta calibration",
    "vector": "{} , vector scaling", "matrix": "{} , matrix scaling", "histogram": "{} , histogram binning",
    "isotonic": "{} , isotonic regression", "structured_vector": "{} , SVS", "structured_matrix": "{} , SMS",
    "fitted_on_train": "{} , T from training data", "gradient/start": "gradient: {} , before training",
    "gradient/end": "gradient: {} , after training", "gate": "mean gate of {}", "mean_image": "{} , mean image",
    "dense": "{} , dense", "residual": "{} , residual", "plain": "{} , plain", "newton": "{} , Newton (ours)",
    "scikit_learn": "{} , scikit-learn", "brentq": "{} , Brent's root", "lbfgs_50": "{} , L-BFGS 50",
    "lbfgs_200": "{} , L-BFGS 200", "adam_300": "{} , Adam 300", "other": "", "dropped": "", "seconds": "",
    "samples": "new images: {}", "judge": "real images: {}",
}  # fmt: skip
WORDS = {
    "error": "error", "nll": "negative log-likelihood", "brier": "Brier score", "ece": "calibration error (ECE)",
    "ece_floor": "ECE of a perfect model", "smooth_ece": "smooth ECE", "overconfidence": "overconfidence",
    "temperature": "temperature T", "temperature_standard_error": "standard error of T",
    "temperature_on_train": "T from training data", "fit": "time to fit", "ms": "time",
    "relative_error": "relative error of T", "sse": "squared error per image", "mse": "squared error per pixel",
    "psnr": "PSNR", "pca_sse": "PCA's squared error per image", "noisy_psnr": "PSNR of the noisy image",
    "median_psnr": "median filter", "linear_psnr": "best linear map", "denoised_psnr": "autoencoder",
    "gain_over_linear": "gain over linear", "gain_over_median": "gain over median",
    "mean_activation": "mean activation", "active": "active units", "active_units": "active units",
    "hoyer": "sparseness (Hoyer, 0-1)", "dead_units": "dead units", "probe_error": "linear probe error",
    "negative_elbo": "negative bound", "excess": "above the least possible", "kl": "divergence (KL)",
    "neighbour_error": "10-neighbour error", "pca_neighbour_error": "PCA's 10-neighbour error",
    "megabytes": "file, MB", "codes_megabytes": "codes alone, MB", "text_megabytes": "codes as text, MB",
    "raw_megabytes": "raw, MB", "bits_per_pixel": "bits per pixel", "coded_psnr": "coded digits",
    "coded_rotated_psnr": "rotated", "coded_inverted_psnr": "inverted", "coded_fashion_psnr": "Fashion-MNIST",
    "ideal_bits_per_pixel": "ideal, bits per pixel", "test_bits_per_pixel": "file, bits per pixel",
    "test_xz_bits_per_pixel": "xz, bits per pixel", "test_megabytes": "10,000 test images, MB",
    "train_megabytes": "60,000 images, MB", "different_pixels": "pixels that differ",
    "test_network_megabytes": "network, MB", "encode_test": "encoding, s", "decode_test": "decoding, s",
    "png_each": "PNG each", "png_sheet": "PNG sheet",
    "largest_relative_loss_difference": "largest relative difference of losses",
    "largest_pixel_difference": "largest difference of pixels",
    "mse_true_mask": "squared error per pixel, true class", "class_mean_mse": "class mean's squared error per pixel",
    "length_change": "change of length under shifts", "pose_change": "change of pose under shifts (0-2)",
    "shift_r2": "shift read off the pose (R²)", "true_class_share": "votes for the true class",
    "rotated_error": "error, rotated", "shifted_error": "error, shifted", "scaled_error": "error, scaled",
    "affine_error": "error, deformed digits", "affine_error_at_equal": "error, deformed digits, at equal plain error",
    "sum_correlation": "sum of correlations", "total_canonical_correlation": "total canonical correlation",
    "effective_rank": "effective rank", "transfer_left_to_right": "transfer left to right",
    "transfer_right_to_left": "transfer right to left", "single_view_left": "left half alone",
    "single_view_right": "right half alone", "cross_mse_left_to_right": "squared error per pixel, right from left",
    "cross_mse_right_to_left": "squared error per pixel, left from right",
    "self_mse_left": "squared error per pixel, left from left",
    "self_mse_right": "squared error per pixel, right from right", "self_norm_left": "error norm, left from left",
    "cross_norm_left_to_right": "error norm, right from left", "within_left": "within left",
    "within_right": "within right", "all_labels_transfer_left_to_right": "left to right, all labels",
    "all_labels_transfer_right_to_left": "right to left, all labels",
    "all_labels_within_left": "within left, all labels", "all_labels_within_right": "within right, all labels",
    "canonical_lost": "correlation lost since its best epoch",
    "retrieval_r1_left_to_right": "right half found first", "retrieval_r10_left_to_right": "among the first ten",
    "first_to_code": "first layer / code layer", "generated_gain_left": "error saved on left views",
    "generated_gain_right": "error saved on right views", "downstream_pairs_only": "accuracy, pairs only",
    "downstream_completed": "accuracy, completed", "downstream_mean_filled": "accuracy, filled with means",
    "downstream_truth": "accuracy, true views", "parameters_total": "all parameters",
    "gradient_decades": "decades the gradient falls", "solved": "solved", "solved_percent_low": "95 % interval from",
    "solved_percent_high": "to", "gate_found": "right gate", "gate_inverted": "inverted gate",
    "solved_by_inverted_gate": "solved by an inverted gate", "gate_correlation": "correlation of z and M",
    "gate_auc": "gate's AUC", "gate_accuracy": "gate right", "wins": "unit wins", "ties": "ties",
    "losses": "unit loses", "error_percent_single": "error of one, %",
    "error_percent_single_shifts": "error of one, shifts, %", "error_percent_vote": "error of the vote, %",
    "error_percent_vote_shifts": "error of the vote, shifts, %",
    "error_percent_logistic_regression": "error of logistic regression, %",
    "error_percent_random_view_dropped": "error, a random view dropped, %",
    "error_percent_corrupted_view_dropped": "error, the bad view dropped, %",
    "own_solved": "solved on its own 400 points", "own_gate_found": "right gate on its own 400 points",
    "pairs_wrong": "pairs misread", "digits_wrong": "digits misread", "learned_temperature": "T the network learned",
    "explained": "variance explained", "pca_explained": "variance explained by PCA", "mean_angle_degrees":
    "mean angle to PCA, degrees", "largest_angle_degrees": "largest angle to PCA, degrees",
    "largest_difference": "largest difference of pixels", "decoder_megabytes": "decoder, MB",
    "recognised": "recognised",
    "features_error": "error on its features", "untrained_error": "error on untrained features",
    "pixels_error": "error on pixels", "mean_rise": "error added by leaving out a layer, points",
    "least_rise": "by the least layer, points", "most_rise": "by the most needed layer, points",
}  # fmt: skip


def header(metric: str) -> str:
    """The metric in words with its unit; what is not known here, without underscores.

    "temperature/ece_percent" is "calibration error (ECE), %, temperature scaling".
    """
    place, _, name = metric.rpartition("/")
    name, unit = split_unit(name)
    tail = ""
    if sized := re.fullmatch(r"(.*)_(n|broken_|missing_)(\d+)", name):  # so many samples, or views that are damaged
        (name, unit), number = split_unit(sized[1]), sized[3]
        views = f"{number} view{'s' * (number != '1')} {sized[2][:-1]}"
        tail = f", n = {number}" if sized[2] == "n" else f", {views}"
    words = WORDS.get(name, name.replace("_", " ")) + (f", {unit}" if unit else "")
    return (in_place(place, words) + tail).replace(" ,", ",")


def split_unit(name: str) -> tuple[str, str]:
    """(name without the ending of its unit, unit or "")."""
    if name in WORDS:
        return name, "ms" if name == "ms" else ""
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending), unit
    return name, ""


def in_place(place: str, words: str) -> str:
    """The words with what was measured where; nothing is added for the test split."""
    components = re.fullmatch(r"pca_(\d+)", place)
    images = re.fullmatch(r"validation_size_(\d+)", place)
    if components:
        return f"{words}, PCA {components[1]}"
    if images:
        return f"{words}, T from {int(images[1]):,} images"
    template = PLACES.get(place, f"{place.replace('_', ' ')}: {{}}" if place else "") or "{}"
    return template.format(words)


LOWER = {
    "affine_error", "affine_error_at_equal", "bits_per_pixel", "brier", "cross_mse_left_to_right",
    "cross_mse_right_to_left", "digits_wrong", "ece", "error", "excess", "features_error", "fit", "ms", "mse",
    "mse_true_mask", "negative_elbo", "neighbour_error", "nll", "pairs_wrong", "probe_error", "relative_error",
    "rotated_error", "scaled_error", "self_mse_left", "self_mse_right", "shifted_error", "smooth_ece", "sse",
}  # fmt: skip
HIGHER = {
    "all_labels_transfer_left_to_right", "all_labels_transfer_right_to_left", "denoised_psnr", "effective_rank",
    "explained", "gain_over_linear", "gain_over_median", "gate_accuracy", "gate_auc", "gate_correlation", "gate_found",
    "own_gate_found", "own_solved", "psnr", "retrieval_r10_left_to_right", "retrieval_r1_left_to_right",
    "single_view_left", "single_view_right", "solved", "sum_correlation", "total_canonical_correlation",
    "transfer_left_to_right", "transfer_right_to_left", "within_left", "within_right",
}  # fmt: skip


def direction(metric: str) -> int:
    """1 where higher is better, -1 where lower is, 0 where neither is said."""
    name = split_unit(re.sub(r"_(n|broken_|missing_)\d+$", "", metric.rpartition("/")[2]))[0]
    return (name in HIGHER) - (name in LOWER)
