# %% [markdown]
# # Is the deconvolution layer the same as a convolutional layer?
#
# TheAILearner's post (after Shi et al. 2016) says that a transposed convolution can be replaced by an ordinary
# convolution followed by a shuffle of its channels. We draw the four pictures of the post, check the equality number
# by number, and then ask the two questions the post leaves out: is it the *inverse* of a convolution, and is it
# *faster*?

# %%
import time

import keras
import numpy as np
import tensorflow as tf

from autoencoders import drawings
from autoencoders.subpixel.layers import from_transpose

random = np.random.default_rng(0)

# %% [markdown]
# ## Convolution, transposed, zero-inserted, sub-pixel

# %%
figure = drawings.convolutions()

# %% [markdown]
# ## The post's example: 1 x 4 x 4, kernel (4, 1, 2, 2), (4, 4, 4), shuffled to 1 x 8 x 8

# %%
image = random.integers(0, 9, (1, 4, 4, 1)).astype("float32")
kernel = random.integers(-3, 4, (2, 2, 1, 4)).astype("float32")
maps = keras.ops.conv(image, kernel, padding="same")
print("maps", tuple(maps.shape), " after the shuffle", tuple(tf.nn.depth_to_space(maps, 2).shape))

# %% [markdown]
# (With padding: without it 4 x 4 becomes 3 x 3, which the post does not say.)
#
# ## The same numbers

# %%
layer = keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same")
layer.build((None, 4, 4, 1))
layer.set_weights([random.integers(-4, 5, weight.shape).astype("float32") for weight in layer.weights])
difference = np.abs(np.asarray(layer(image) - from_transpose(layer)(image))).max()
print("largest difference between Conv2DTranspose and its sub-pixel form:", float(difference))

# %% [markdown]
# A 3 x 3 kernel with stride 2 is not of this form: it becomes a 4 x 4 one with a row and a column of zeros, so the
# sub-pixel form has more freedom.
#
# ## Is it the inverse? "Transposed convolution is the inverse operation of convolution"

# %%
filters = random.standard_normal((4, 4, 1, 1)).astype("float32")
picture = random.standard_normal((1, 8, 8, 1)).astype("float32")
there = keras.ops.conv(picture, filters, strides=2, padding="same")
back = keras.ops.conv_transpose(there, filters, strides=2, padding="same")
off = float(np.linalg.norm(back - picture) / np.linalg.norm(picture))
print(f"there and back again: off by {off:.1f} times the picture's size")
other = random.standard_normal(there.shape).astype("float32")
left = float(np.sum(np.asarray(there) * other))
right = float(np.sum(picture * np.asarray(keras.ops.conv_transpose(other, filters, strides=2, padding="same"))))
print(f"but <A x, y> = {left:.4f} and <x, A' y> = {right:.4f}: it is the adjoint")

# %% [markdown]
# ## Is it faster? "An efficient sub pixel convolution layer"
#
# On a processor, both inside the graph, taking turns; medians of 15.

# %%
wide = keras.layers.Conv2DTranspose(16, 4, strides=2, padding="same")
wide.build((None, 28, 28, 32))
batch = tf.random.normal((64, 28, 28, 32))
forms = {"transposed": tf.function(wide), "sub-pixel": tf.function(from_transpose(wide))}
seconds = {name: [] for name in forms}
for turn in range(16):
    for name, form in forms.items():
        start = time.perf_counter()
        form(batch).numpy()
        if turn:
            seconds[name].append(time.perf_counter() - start)
medians = {name: np.median(values) for name, values in seconds.items()}
print("the sub-pixel form takes", round(float(medians["sub-pixel"] / medians["transposed"]), 2), "times as long")

# %% [markdown]
# That ratio depends on the machine and on the sizes; the benchmark of this project states it for several
# (`docs/speed.md`).
#
# ## Exercises
#
# 1. Train both forms from the same weights (`python -m autoencoders.subpixel.study`). How far do their losses drift
# apart?
# 2. Where does the checkerboard of a transposed convolution come from, and what does ICNR initialisation do about it?
