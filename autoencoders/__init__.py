"""Autoencoders of six posts: plain, denoising, sparse, variational, sub-pixel, compression."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
