"""Experiments with autoencoders beyond one training."""
