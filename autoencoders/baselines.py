"""What any autoencoder must beat: the mean image and principal components."""

import numpy as np

from data.dataset import Dataset


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of images in [0, 1]: -10 log10(MSE), MSE over all images."""
    return float(-10 * np.log10(mse))


def flat(images: np.ndarray) -> np.ndarray:
    """Images as float32 rows (n, pixels)."""
    return images.reshape(len(images), -1).astype(np.float32)


def pca_reconstruct(train: np.ndarray, images: np.ndarray, components: int) -> np.ndarray:
    """`images` projected on the first principal components of `train` and back; same shape as `images`."""
    from sklearn.decomposition import PCA

    pca = PCA(components, svd_solver="covariance_eigh").fit(flat(train))
    return pca.inverse_transform(pca.transform(flat(images))).reshape(images.shape)


def pca_mse(dataset: Dataset, components: int) -> float:
    """Test MSE per pixel of PCA with as many components as the code has units, fitted on train."""
    test = dataset.test["image"]
    return float(np.mean((pca_reconstruct(dataset.train["image"], test, components) - test) ** 2))
