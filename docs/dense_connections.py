# %% [markdown]
# # DenseNet, step by step
#
# TheAILearner's post *Densely Connected Convolutional Networks*: every layer of a block sees the outputs of all
# layers before it, side by side. We build the post's network, look at what a layer is given, compare the gradients by
# depth, and train it beside a plain and a residual network of the same size.

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from data import images
from densenet import losses, model
from training import loop

dataset = images.load("digits", train_examples=500)

# %% [markdown]
# ## The post's network: 141,010 parameters, and one slip
#
# Its code normalises the output of the first convolution and then feeds the ReLU from *before* it:
# `stem_normalisation=False`.

# %%
post = model.build(stem_normalisation=False)
print(
    f"{sum(int(np.prod(w.shape)) for w in post.trainable_weights):,} of {post.count_params():,} parameters are trained"
)
block = post.get_layer("block1")
print(
    "channels that each layer of the first block is given:", [unit[-1].convolve.kernel.shape[2] for unit in block.units]
)

# %% [markdown]
# Growth rate 12: each layer adds 12 channels. Its input is never changed, only added to:

# %%
features = np.random.default_rng(0).random((1, 7, 7, 24)).astype("float32")
dense = model.DenseBlock(4, 12)
print("the first 24 channels come through unchanged:", bool((np.asarray(dense(features))[..., :24] == features).all()))

# %% [markdown]
# ## "Each layer has direct access to the gradients from the loss function"
#
# Root mean square gradient of every convolution of a network of 36, before training.

# %%
batch = {name: tf.constant(array[:64]) for name, array in dataset.train.items()}
figure, axis = plt.subplots(figsize=(6, 3.2))
for connection, width, stem in (("dense", 12, 24), ("residual", 36, 36), ("plain", 36, 36)):
    keras.utils.set_random_seed(0)
    deep = model.build(connection=connection, depth=12, width=width, stem_filters=stem, dropout=0.0)
    blocks = [layer for layer in deep.layers if isinstance(layer, model.Block)]
    kernels = [unit[-1].convolve.kernel.value for each in blocks for unit in each.units]
    with tf.GradientTape() as tape:
        loss, _ = losses.compute_loss(deep, batch, training=True)
    sizes = [float(tf.sqrt(tf.reduce_mean(tf.square(g)))) for g in tape.gradient(loss, kernels)]
    print(f"{connection:9} first / last gradient {sizes[0] / sizes[-1]:.2f}")
    axis.plot(range(1, 37), sizes, "o-", markersize=3, label=connection)
axis.set(xlabel="convolution, first to last", ylabel="RMS gradient", yscale="log")
axis.legend()

# %% [markdown]
# ## A small training set
#
# "DenseNets have a regularizing effect, which reduces overfitting on tasks with smaller training set sizes."

# %%
for connection, width, stem in (("dense", 12, 24), ("residual", 36, 36), ("plain", 36, 36)):
    keras.utils.set_random_seed(0)
    network = model.build(connection=connection, width=width, stem_filters=stem, momentum=0.9)
    loop.fit_arrays(network, losses.compute_loss, dataset.train, keras.optimizers.Adam(0.01), 12, 50, 0)
    wrong = 100 * np.mean(loop.predict(network, dataset.test["image"]).argmax(-1) != dataset.test["label"])
    print(f"{connection:9} {network.count_params():,} parameters, {wrong:.1f} % of the test digits misread")

# %% [markdown]
# One seed of one small set proves nothing; on Fashion-MNIST with three seeds dense connections beat plain ones on 500
# and on 2,000 images, and residual ones on 2,000: `densenet/README.md`.
#
# ## Exercises
#
# 1. Give the post's network its normalisation back. What changes?
# 2. Set the kernel of one layer of the trained network to 0. How much worse does it read? (`python -m
# densenet.studies.features`)
# 3. Build 100 layers of growth rate 2 (`depth=33, width=2`). Does it train?
