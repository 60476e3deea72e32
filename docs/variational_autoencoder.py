# %% [markdown]
# # Variational autoencoders, step by step
#
# TheAILearner's post *Variational Autoencoders*: the encoder gives a mean and a deviation, the code is drawn from
# them, and a second loss keeps the draws near N(0, 1), so that new digits can be drawn from nothing.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from autoencoders import losses, model
from data import images
from training import loop

dataset = images.load("digits")


def train(latent, epochs=60, kl_weight=1.0):
    keras.utils.set_random_seed(0)
    network = model.build(network="dense", widths=(256, 128), kind="gaussian", code=latent)

    def objective(network, batch, training):
        return losses.compute_loss(network, batch, training, kl_weight=kl_weight)

    rows = {"image": dataset.train["image"]}
    history = loop.fit_arrays(network, objective, rows, keras.optimizers.Adam(2e-3), epochs, 50, 0)
    return network, history[-1]


# %% [markdown]
# ## The two losses
#
# Binary cross-entropy, summed over pixels, and the divergence from N(0, 1), summed over the code's dimensions. The
# post says that its second head is the standard deviation; a network's output can be negative, so everybody's is the
# *log* of the variance, and so is ours.

# %%
for latent in (2, 5, 10):
    network, last = train(latent)
    rebuilt = np.asarray(network.reconstruct(dataset.test["image"]))
    error = np.square(rebuilt - dataset.test["image"]).sum(axis=(1, 2, 3)).mean()
    terms = f"cross-entropy {last['train/reconstruction']:.1f} + divergence {last['train/kl_nats']:.1f} nats"
    print(f"latent {latent:2}: {terms}, squared error {error:.1f} per test digit")
    if latent == 2:
        plane = network

# %% [markdown]
# "If we increase our latent space dimension to 5, 10 or higher we can get better results": so it is.
#
# ## The plane of codes, and digits drawn from it

# %%
codes = np.asarray(plane.encode(dataset.test["image"]))
figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8))
dots = axes[0].scatter(*codes.T, c=dataset.test["label"], cmap="tab10", s=10)
axes[0].set(xlabel="first number of the code", ylabel="second number", title="test digits")
figure.colorbar(dots, ax=axes[0], ticks=range(10))
ticks = np.linspace(-1.8, 1.8, 12)
grid = np.stack(np.meshgrid(ticks, ticks[::-1]), -1).reshape(-1, 2).astype("float32")
drawn = np.asarray(plane.decode(grid)).reshape(12, 12, 28, 28).transpose(0, 2, 1, 3).reshape(12 * 28, -1)
axes[1].imshow(drawn, cmap="gray_r", extent=(-1.8, 1.8, -1.8, 1.8))
axes[1].set(title="drawn from the plane")
axes[1].grid(False)

# %% [markdown]
# ## Is the divergence right?
#
# The closed form `0.5 sum(mean^2 + variance - log variance - 1)` against the average over many draws:

# %%
mean, log_variance = np.array([[0.5, -1.0]], "float32"), np.array([[-0.3, 0.2]], "float32")
draws = mean + np.exp(0.5 * log_variance) * np.random.default_rng(0).standard_normal((200_000, 2))
log_q = -0.5 * (np.square(draws - mean) / np.exp(log_variance) + log_variance).sum(-1)
log_p = -0.5 * np.square(draws).sum(-1)
print(
    "closed form",
    float(losses.gaussian_kl(mean, log_variance)[0]),
    " average of draws",
    round(float((log_q - log_p).mean()), 4),
)

# %% [markdown]
# ## Exercises
#
# 1. Set `kl_weight=0`. Where do the codes go, and what do draws from N(0, 1) look like then?
# 2. How many of 20 latent dimensions stay in use? (`autoencoders.evaluate.active_units`)
