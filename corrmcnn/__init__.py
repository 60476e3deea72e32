"""CorrMCNN: a convolutional correlational network whose two views agree at every step."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
