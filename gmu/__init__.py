"""Gated multimodal units: fusing two or more modalities with a learned gate (Arevalo et al. 2017)."""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
