"""What every method's training shares: settings, device, loop, run folder, command. Knows no method."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
