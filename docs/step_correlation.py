# %% [markdown]
# # CorrMCNN: correlation at every step, step by step
#
# The slides *Common Representation Learning* put convolutions in front of a correlational network and ask every
# hidden layer of the two views to agree, not only the codes: seven losses L1 to L7. We print their summary table,
# train on halves of small digits, and find that the slides leave one thing open that decides everything: **are errors
# summed or averaged over pixels?**

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from corrmcnn import losses, model
from corrnet import evaluate
from data import images, views
from training import loop

dataset = views.halves(images.load("digits", train_examples=1000))
shapes = {"left_shape": (28, 14, 1), "right_shape": (28, 14, 1)}

# %% [markdown]
# ## The slides' model summary
#
# 25 layers and 1,137,606 parameters, row by row as the slides list them.

# %%
rows = model.layer_table(model.build(**shapes))
for name, shape, count in rows[:9]:
    print(f"{name:16} {shape!s:16} {count:>9,}")
print("...", len(rows), "layers,", f"{sum(count for *_, count in rows):,}", "parameters")

# %% [markdown]
# ## Seven losses, two readings
#
# L1 to L3 rebuild both views from both, left and right; L4 makes hidden layers alike, L5 the rebuilt views; L6 and L7
# are the correlations of codes and of hidden layers. "L is the mean square error function": over the 392 pixels of a
# half, or their sum? As a mean the reconstructions weigh next to nothing beside the correlations.

# %%
small = {"filters": (16, 16), "dense_units": (64, 48), "code_units": 20}


def train(pixel_error, epochs=8, **options):
    keras.utils.set_random_seed(1)
    more = {"output_activation": "linear", "initial_weights": "pytorch"} if pixel_error == "sum" else {}
    network = model.build(**shapes, **small, **more)

    def objective(network, batch, training):
        return losses.compute_loss(network, batch, training, pixel_error=pixel_error, **options)

    pairs = {view: dataset.train[view] for view in ("left", "right")}
    history = loop.fit_arrays(network, objective, pairs, keras.optimizers.Adam(3e-3), epochs, 64, 0)
    found = evaluate.evaluate_network(network, dataset)
    transfer, cross = found["test/transfer_left_to_right_percent"], found["test/cross_mse_left_to_right"]
    print(f"errors as a {pixel_error}: transfer {transfer:.0f} %, right from left {cross:.3f}", end="")
    print(f", correlation {found['test/sum_correlation']:.1f} of 20")
    return network, history


averaged, _ = train("mean")
summed, history = train("sum")

# %% [markdown]
# ## What comes back: the slides' strips of digits

# %%
left, right = dataset.test["left"][:8], dataset.test["right"][:8]
figure, axes = plt.subplots(3, 8, figsize=(7, 3))
strips = [np.concatenate([left, right], 2)]
for network in (averaged, summed):
    drawn = np.asarray(network.decode(network.encode(left=left))["right"])
    strips.append(np.concatenate([left, drawn], 2))
for row, pictures, words in zip(
    axes, strips, ("truth", "right half drawn, mean", "right half drawn, sum"), strict=True
):
    row[0].set_title(words, fontsize=9, loc="left")
    for axis, picture in zip(row, pictures, strict=True):
        axis.imshow(picture[..., 0], cmap="gray_r", vmin=0, vmax=1)
        axis.axis("off")

# %%
figure, axis = plt.subplots(figsize=(5, 3))
for name in ("reconstruction_from_left", "reconstruction_from_right", "sum_correlation"):
    axis.plot(range(1, len(history) + 1), [row[f"train/{name}"] for row in history], "o-", label=name.replace("_", " "))
axis.set(xlabel="epoch", ylabel="loss term, errors summed", yscale="log")
axis.legend(fontsize=8)

# %% [markdown]
# ## What to do
#
# Sum over pixels, or lower the rate tenfold: both train at full size (`blog_sum` and `blog_slow` in
# `corrmcnn/README.md`, with the slides' own protocol and several seeds). What the slides credit to L4, L5 and L6 we
# could not tell from noise.
#
# ## Exercises
#
# 1. Switch the correlations off (`correlation_weight=0, step_correlation_weights=()`). Does the mean reading train
# now?
# 2. Take L4 and L5 away (`step_weight=0, difference_weight=0`) for three seeds each. Can you tell a difference?
