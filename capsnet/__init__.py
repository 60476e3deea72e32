"""Capsule networks with dynamic routing between capsules (Sabour, Frosst and Hinton 2017)."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
