"""Densely connected convolutional networks (Huang et al. 2017) with a plain and a residual net of equal size."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
