"""Experiments with gated multimodal units beyond one training."""
