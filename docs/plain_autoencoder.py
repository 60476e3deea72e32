# %% [markdown]
# # Autoencoders, denoising, compression and sparse codes, step by step
#
# TheAILearner's first four posts on autoencoders: squeeze a digit into 32 numbers and rebuild it, remove noise, keep
# the codes as a file, and let only a few of many units answer. Beside each result stands what a far simpler method
# reaches.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from autoencoders import baselines, losses, model
from autoencoders.codec import classical
from data import corruption, images
from training import loop

dataset = images.load("digits")
test = dataset.test["image"]


def train(epochs=40, rate=4e-3, reconstruction="squared_error", **options):
    keras.utils.set_random_seed(0)
    network = model.build(**options)

    def objective(network, batch, training):
        return losses.compute_loss(network, batch, training, reconstruction=reconstruction)

    loop.fit_arrays(network, objective, {"image": dataset.train["image"]}, keras.optimizers.Adam(rate), epochs, 50, 0)
    return network


def error(pictures, truth):
    return float(np.square(pictures - truth).sum(axis=(1, 2, 3)).mean())


# %% [markdown]
# ## The first post: 32 numbers
#
# Convolutions with max-pooling, a code of 32, transposed convolutions back. "Autoencoders generate more complex
# features than PCA": it depends on how long they are trained, and here on how few images there are.

# %%
plain = train()
rebuilt = np.asarray(plain.reconstruct(test))
pca = baselines.pca_reconstruct(dataset.train["image"], test, 32)
print(
    f"squared error per digit: autoencoder {error(rebuilt, test):.2f}, 32 principal components {error(pca, test):.2f}"
)
print(f"squared error of the mean image: {error(dataset.train['image'].mean(0), test):.1f}")


def strips(rows):
    figure, axes = plt.subplots(len(rows), 10, figsize=(8, 0.95 * len(rows)))
    for row, (words, pictures) in zip(axes, rows.items(), strict=True):
        row[0].set_title(words, fontsize=8, loc="left")
        for axis, picture in zip(row, pictures[:10], strict=True):
            axis.imshow(picture[..., 0], cmap="gray_r", vmin=0, vmax=1)
            axis.axis("off")
    return figure


figure = strips({"test digits": test, "rebuilt": rebuilt, "PCA": np.clip(pca, 0, 1)})

# %% [markdown]
# ## Denoising
#
# "Usually 25 to 30 % of the data are corrupted", and the clean image is the target. The honest rival is the best
# *linear* map from noisy to clean images.

# %%
denoiser = train(corruption="salt_and_pepper", amount=0.3)
noise = np.random.default_rng(0)
noisy = corruption.CORRUPTIONS["salt_and_pepper"](test, 0.3, noise)
spoiled = corruption.CORRUPTIONS["salt_and_pepper"](dataset.train["image"], 0.3, noise)
linear = baselines.fit_linear_denoiser(spoiled, dataset.train["image"])(noisy)
restored = np.asarray(denoiser.reconstruct(noisy))
for words, pictures in {"noisy": noisy, "best linear map": linear, "autoencoder": restored}.items():
    print(f"{words:16} {baselines.psnr(baselines.mean_squared_error(pictures, test)):.1f} dB")
figure = strips({"30 % spoiled": noisy, "best linear map": np.clip(linear, 0, 1), "autoencoder": restored})

# %% [markdown]
# ## Compression
#
# The post keeps the codes in a text file: "18 MB, much less than the original size 45 MB". Text with six decimals is
# the clumsiest way to keep numbers. Per image:

# %%
codes = np.asarray(plain.encode(test))
print(
    f"raw {test[0].size} bytes, codes as text {classical.text_bytes(codes) / len(codes):.0f}, as float32 {4 * 32}, ",
    end="",
)
step = codes.std() / 8
coarse = np.asarray(plain.decode(np.round(codes / step) * step))
print(f"rounded to an eighth of a standard deviation about {32 * 5 // 8}")
print(f"... at a squared error of {error(coarse, test):.2f} instead of {error(rebuilt, test):.2f}")

# %% [markdown]
# "Autoencoders can only reconstruct what they were trained for": true, and easy to see. The same digits, inverted:

# %%
inverted = np.asarray(plain.reconstruct(1 - test))
figure = strips({"inverted digits": 1 - test, "rebuilt": inverted})
print(f"squared error: digits {error(rebuilt, test):.1f}, inverted digits {error(inverted, 1 - test):.1f}")

# %% [markdown]
# ## Sparse codes
#
# `activity_regularizer` on 500 ReLU units, more than needed: only some answer.

# %%
for words, l1 in (("without", 0.0), ("with", 0.1)):
    network = train(epochs=15, rate=1e-3, network="dense", widths=(), code=500, kind="relu", l1=l1)
    codes = np.asarray(network.encode(test))
    active = 100 * (codes > 0.05 * codes.max()).mean()
    left = error(np.asarray(network.reconstruct(test)), test)
    print(f"{words:8} the constraint: {active:4.1f} % of the units answer, squared error {left:.1f}")

# %% [markdown]
# ## Exercises
#
# 1. Give `plain` 10 and 160 epochs. When does it pass PCA, and does it ever here? (At full size it does:
# `autoencoders/README.md`.)
# 2. Train the denoiser on 10 % and on 60 % of noise, and test each on 30 %.
# 3. On random inputs a code of 500 for 1,000 numbers keeps half of the variance: `python -m
# autoencoders.studies.random_inputs`.
