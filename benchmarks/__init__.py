"""What `make bench` runs: ratios against public baselines, measured in one process, interleaved, medians."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
