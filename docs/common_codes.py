# %% [markdown]
# # Correlational networks, step by step
#
# The guide *A Comprehensive Guide to the Correlational Neural Network with Keras* learns one code for two views,
# sound and picture, or here the left and the right half of a digit: the code of either view alone rebuilds both. We
# build it by the guide's formulas, train it with the guide's loss, and draw a half from the other.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from corrnet import evaluate, losses, model
from data import images, views
from training import loop

dataset = views.halves(images.load("digits"))
print({name: array.shape for name, array in dataset.train.items()})

# %% [markdown]
# ## The network
#
# `H = f(W_a I_a + W_v I_v + b)`: **one** bias. The guide's listing instead gives each view a dense layer with a bias
# and a ReLU of its own and adds the two, so that a missing view still adds the ReLU of its bias
# (`activate="before"`).

# %%
shapes = {"left_shape": (28, 14, 1), "right_shape": (28, 14, 1)}


def train(correlation_weight, **options):
    keras.utils.set_random_seed(0)
    network = model.build(**shapes, tied=False, initial_scale=1.0, **options)

    def objective(network, batch, training):
        return losses.compute_loss(
            network, batch, training, correlation_weight=correlation_weight, reconstruction="mean_squared"
        )

    pairs = {view: dataset.train[view] for view in ("left", "right")}
    loop.fit_arrays(network, objective, pairs, keras.optimizers.Adam(2e-3), 60, 50, 0)
    return network


def report(name, network):
    found = evaluate.evaluate_network(network, dataset)
    keys = {
        "sum_correlation": "sum of correlations",
        "effective_rank": "effective rank",
        "transfer_left_to_right_percent": "transfer, %",
        "cross_mse_left_to_right": "right from left, squared error",
    }
    print(f"{name:22}", ", ".join(f"{words} {found['test/' + key]:.3g}" for key, words in keys.items()))


# %% [markdown]
# ## The loss, and its sign
#
# The text subtracts the correlation from the loss; the listing's `return K.sum(corr) * Lambda` **adds** it. Both, and
# none:

# %%
mended = train(0.01)
for name, network in (
    ("as the text says", mended),
    ("as the code has it", train(-0.01)),
    ("without correlation", train(0.0)),
):
    report(name, network)
report(
    "the listing, mended",
    train(0.01, activate="before", code_units=10, hidden_activation="relu", output_activation="relu"),
)

# %% [markdown]
# With the printed sign the codes of the two views end *anti*correlated: a classifier taught on one view's codes is
# worse than guessing on the other's.
#
# ## One half drawn from the other: the guide's `CorrNet.predict([np.zeros(...), Iv])`

# %%
left, right = dataset.test["left"][:10], dataset.test["right"][:10]
drawn = mended.decode(mended.encode(left=left))["right"]
figure, axes = plt.subplots(3, 10, figsize=(8, 3))
truth, given = np.concatenate([left, right], 2), np.concatenate([left, np.zeros_like(right)], 2)
completed = np.concatenate([left, np.asarray(drawn)], 2)
for row, pictures in zip(axes, (given, completed, truth), strict=True):
    for axis, picture in zip(row, pictures, strict=True):
        axis.imshow(picture[..., 0], cmap="gray_r", vmin=0, vmax=1)
        axis.axis("off")
for axis, words in zip(axes[:, 0], ("given", "completed", "truth"), strict=True):
    axis.set_title(words, fontsize=9, loc="left")

# %% [markdown]
# ## A number that can be fooled
#
# The sum of correlations is the number the literature reports, and fifty copies of one good unit score best. Read it
# with the *effective rank* above: how many different things the code says. `corrnet/README.md` has both for every
# method.
#
# ## Exercises
#
# 1. Raise lambda from 0.01 to 0.1. What happens to the effective rank and to transfer?
# 2. Train on pairs of different width, `left_shape=(28, 20, 1)`: nothing in the code asks the views to be alike.
# 3. Use `losses.compute_loss(..., reconstruction="mean_absolute")`, which the guide names too.
