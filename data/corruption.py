"""Corruptions of images in [0, 1]; each returns a new array and draws from the generator it is given."""

import numpy as np


def masking(images: np.ndarray, rate: float, generator: np.random.Generator) -> np.ndarray:
    """Sets each pixel to 0 with probability `rate` in [0, 1]."""
    return np.where(generator.random(images.shape, np.float32) < rate, np.float32(0), images)


def salt_and_pepper(images: np.ndarray, rate: float, generator: np.random.Generator) -> np.ndarray:
    """Sets each pixel to 0 or 1, equally likely, with probability `rate` in [0, 1]."""
    draw = generator.random(images.shape, np.float32)
    noisy = np.where(draw < rate / 2, np.float32(0), images)
    return np.where((draw >= rate / 2) & (draw < rate), np.float32(1), noisy)


def gaussian(images: np.ndarray, stddev: float, generator: np.random.Generator) -> np.ndarray:
    """Adds normal noise of standard deviation `stddev` >= 0, then clips to [0, 1]."""
    noise = generator.standard_normal(images.shape, np.float32)
    return np.clip(images + np.float32(stddev) * noise, 0, 1)


CORRUPTIONS = {"masking": masking, "salt_and_pepper": salt_and_pepper, "gaussian": gaussian}
