"""Autoencoders of the six posts of theailearner.com: plain, denoising, sparse, variational, sub-pixel, compression."""
