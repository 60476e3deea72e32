"""Experiments on calibration beyond one training."""
