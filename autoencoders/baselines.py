"""What any autoencoder must beat: the mean image, principal components, a linear denoiser, a median filter."""

import numpy as np

from data.dataset import Dataset, pixels

MOST_NUMBERS = 64_000_000  # pixels that a baseline is fitted on, 256 MB of float32


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of images in [0, 1]: -10 log10(MSE), MSE over all images."""
    return float(-10 * np.log10(mse))


def mean_squared_error(images: np.ndarray, others: np.ndarray) -> float:
    """Mean over images and pixels of the squared difference."""
    return float(np.mean(np.square(np.subtract(images, others, dtype=np.result_type(images, others, np.float32)))))


def flat(images: np.ndarray) -> np.ndarray:
    """Images as float32 rows (n, pixels)."""
    return pixels(images).reshape(len(images), -1).astype(np.float32, copy=False)


def at_most(images: np.ndarray, numbers: int = MOST_NUMBERS) -> np.ndarray:
    """The first images that hold at most `numbers` pixels together: all of MNIST's, some of larger sets."""
    return images[: max(1, numbers // images[0].size)]


def mean_image_mse(dataset: Dataset) -> float:
    """Test MSE per pixel of the mean of the training images."""
    mean = dataset.train["image"].mean(axis=0)
    mean = mean / 255 if dataset.train["image"].dtype == np.uint8 else mean
    return mean_squared_error(mean, pixels(dataset.test["image"]))


def fit_pca(images: np.ndarray, components: int):
    """scikit-learn's PCA of images (n, height, width, channels), of the first that have room in memory."""
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits  # scikit-learn depends on it

    rows = flat(at_most(images))
    with threadpool_limits(1):  # on a busy machine the threads of an eigenvalue solver mostly wait for each other
        return PCA(min(components, *rows.shape), random_state=0).fit(rows)


def pca_reconstruct(train: np.ndarray, images: np.ndarray, components: int) -> np.ndarray:
    """`images` projected on the first principal components of `train` and back; same shape as `images`."""
    pca = fit_pca(train, components)
    return pca.inverse_transform(pca.transform(flat(images))).reshape(images.shape)


def pca_mse(dataset: Dataset, components: int) -> float:
    """Test MSE per pixel of PCA with as many components as the code has units, fitted on train."""
    test = pixels(dataset.test["image"])
    return mean_squared_error(pca_reconstruct(dataset.train["image"], test, components), test)


def fit_linear_denoiser(noisy: np.ndarray, clean: np.ndarray, ridge: float = 1e-3):
    """The linear map (with bias) from noisy to clean images of least mean squared error.

    Solves (X'X / n + ridge I) W = X'Y / n for centred images; the ridge only guards pixels that never vary.

    Args:
        noisy, clean: (n, height, width, channels).

    Returns:
        Function of noisy images that returns denoised ones of the same shape, clipped to [0, 1].
    """
    x, y = flat(noisy), flat(clean)
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - x_mean, y - y_mean
    weights = np.linalg.solve(x.T @ x / len(x) + ridge * np.eye(x.shape[1], dtype=np.float32), x.T @ y / len(x))

    def denoise(images):
        return np.clip((flat(images) - x_mean) @ weights + y_mean, 0, 1).reshape(images.shape)

    return denoise


def median_filter(images: np.ndarray) -> np.ndarray:
    """Median of the 3 x 3 neighbourhood of each pixel, for images (n, height, width, channels)."""
    from scipy.ndimage import median_filter

    return median_filter(images, size=(1, 3, 3, 1))
