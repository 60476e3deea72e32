"""Experiments with CorrNet beyond one training."""
