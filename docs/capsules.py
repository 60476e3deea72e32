# %% [markdown]
# # Capsules, step by step
#
# A capsule is a group of numbers: its length says *whether* a thing is there, its direction *how* it looks. We follow
# TheAILearner's posts *Capsule Networks* and *Implementing Capsule Network in Keras*: squash, routing by agreement,
# the network, its loss, the reconstructions, on small digits and with a smaller network than the post's.

# %%
import keras
import numpy as np
from matplotlib import pyplot as plt

from capsnet import losses, model, routing
from data import images
from training import loop

# %% [markdown]
# ## Squash
#
# `v = |s|^2 / (1 + |s|^2) * s / |s|`: short vectors shrink to nothing, long ones end just below length 1. The post
# divides by `|s|` plus an epsilon, which shrinks short capsules too much; ours is exact and finite at 0.

# %%
for length in (0.0, 0.1, 1.0, 10.0):
    print(
        f"length {length:4} ->", round(float(np.linalg.norm(routing.squash(np.array([[length, 0.0]], "float32")))), 4)
    )

# %% [markdown]
# ## Routing by agreement
#
# Three capsules below vote for two above. Two of them agree about the first; routing listens to them. The post's loop
# is `range(3 - 1)`: two iterations where its text says three.

# %%
votes = np.array([[[1.0, 0.1], [0.2, -0.9]], [[0.9, 0.0], [-0.8, 0.5]], [[-0.3, 0.8], [0.1, 0.9]]], "float32")
_, couplings = routing.route(3 * votes[:, None], iterations=3)  # votes (below, images, above, numbers)
for step, table in enumerate(np.asarray(couplings), 1):
    print(f"iteration {step}: share of each capsule's vote that goes to the first", table[:, 0, 0].round(3))

# %% [markdown]
# ## The network
#
# Convolution, primary capsules, digit capsules, and a decoder that draws the image from the winning capsule.

# %%
full = model.build()
print(f"the post's network has {full.count_params():,} parameters:")
for name in ("convolution", "primary", "digit"):
    print(f"  {name:12} {full.get_layer(name).output.shape[1:]}")

# %% [markdown]
# ## Training, with the post's loss and with the paper's
#
# The post adds 0.0005 times the *mean* squared error, the paper 0.0005 times the *sum* over 784 pixels: 784 times as
# much.

# %%
dataset = images.load("digits")
networks = {}
for words, form in (("post: mean", "mean"), ("paper: sum", "sum")):
    keras.utils.set_random_seed(0)
    network = model.build(filters=32, primary_types=4, decoder_units=(128, 256), iterations=2, compiled=False)

    def objective(network, batch, training, form=form):
        return losses.compute_loss(network, batch, training, reconstruction_weight=5e-4, form=form)

    loop.fit_arrays(network, objective, dataset.train, keras.optimizers.Adam(2e-3), 10, 64, 0)
    outputs = loop.predict(network, dataset.test["image"])
    wrong = 100 * np.mean(outputs["lengths"].argmax(-1) != dataset.test["label"])
    spread = np.mean([outputs["reconstruction"][dataset.test["label"] == digit].std(0).mean() for digit in range(10)])
    networks[words] = outputs
    print(f"{words}: {wrong:.1f} % of the test digits misread, drawings of one class differ by {spread:.3f}")

# %%
figure, axes = plt.subplots(3, 10, figsize=(8, 2.8))
rows = {
    "test digits": dataset.test["image"],
    **{words: outputs["reconstruction"] for words, outputs in networks.items()},
}
for row, (words, pictures) in zip(axes, rows.items(), strict=True):
    row[0].set_title(words, fontsize=9, loc="left")
    for axis, picture in zip(row, pictures[:10], strict=True):
        axis.imshow(picture[..., 0], cmap="gray_r", vmin=0, vmax=1)
        axis.axis("off")

# %% [markdown]
# With the post's weight every drawing is the same grey shape here; at full size they are ten templates, one per class,
# whose error is that of the ten mean images, to three digits (`capsnet/README.md`). They say nothing of the image but
# its class. Both networks read digits equally well: the post's 99.09 % holds.
#
# ## Exercises
#
# 1. Train with one routing iteration, which is no agreement at all. Does it read worse?
# 2. Turn test digits by 40 degrees (`capsnet.evaluate.transform`). How many are misread? And by a plain CNN
# (`capsnet.baselines`)?
# 3. Replace the network by `capsnet.efficient.build`: 161,824 parameters.
