"""CorrNet: one code for two views that rebuilds either from either, and the CCA family it is compared with."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
