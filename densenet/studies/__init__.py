"""Experiments with densely connected networks beyond one training."""
