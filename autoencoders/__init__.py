"""Autoencoders of six posts: plain, denoising, sparse, variational, sub-pixel, compression."""
