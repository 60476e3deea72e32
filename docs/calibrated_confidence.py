# %% [markdown]
# # Calibration, step by step
#
# TheAILearner's post *On Calibration of Modern Neural Networks* (after Guo et al. 2017): of a hundred answers given
# with 80 % confidence eighty should be right. We train two networks on small digits, look at their reliability, and
# mend it with one number, the temperature.

# %%
import warnings

import keras
import numpy as np
from matplotlib import pyplot as plt

from calibration import losses
from calibration.methods.steps import adam
from calibration.methods.temperature import fit_temperature
from calibration.metrics import binned, uncertainty
from calibration.networks import build
from data import images
from training import loop

dataset = images.load("digits", train_examples=150)
held = {name: np.concatenate([dataset.validation[name], dataset.test[name]]) for name in ("image", "label")}
order = np.random.default_rng(0).permutation(len(held["label"]))
half = len(order) // 2
validation, test = ({name: array[rows] for name, array in held.items()} for rows in (order[:half], order[half:]))

# %% [markdown]
# ## LeNet beside a residual network
#
# Trained on few images, so that there is something to be overconfident about. **ECE** is the mean gap between
# confidence and accuracy over 15 bins. A *perfectly* calibrated network would not show 0 on so few images: that floor
# stands beside it.

# %%
answers = {}
for name, rate in (("lenet", 0.02), ("residual", 0.05)):
    keras.utils.set_random_seed(0)
    network = build(network=name)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    loop.fit_arrays(network, losses.compute_loss, dataset.train, optimizer, 60, 25, 0)
    answers[name] = [loop.predict(network, split["image"]) for split in (validation, test)]
    top = binned.top_one(answers[name][1], test["label"])
    floor = uncertainty.noise_floor(top.confidence, top.correct, complement=top.complement)
    ece, wrong = 100 * binned.ece(top.confidence, top.correct), 100 * (1 - top.correct.mean())
    print(f"{name:9} wrong {wrong:.1f} %, confidence {100 * top.confidence.mean():.1f} %, ECE {ece:.1f} %", end="")
    print(f" (a perfectly calibrated network: {100 * floor.mean:.1f} %)")


# %% [markdown]
# ## Temperature scaling
#
# Divide the logits by one T > 0 that fits a *validation* set best. No prediction changes. The post's TensorFlow code
# takes steps of Adam on T; the problem is convex in 1/T, and a few Newton steps end at the minimum itself.


# %%
def reliability(axis, logits, labels, title):
    top = binned.top_one(logits, labels)
    edges = np.linspace(0, 1, 11)
    index = np.clip(np.digitize(top.confidence, edges) - 1, 0, 9)
    bars = [top.correct[index == k].mean() if (index == k).any() else np.nan for k in range(10)]
    axis.bar(edges[:-1] + 0.05, bars, 0.09, color="tab:blue")
    axis.plot([0, 1], [0, 1], "--", color="black")
    axis.set(
        xlabel="confidence",
        ylabel="accuracy",
        title=f"{title}: ECE {100 * binned.ece(top.confidence, top.correct):.1f} %",
    )


figure, axes = plt.subplots(1, 4, figsize=(13, 3.2))
for pair, (name, (held_out, logits)) in zip(axes.reshape(2, 2), answers.items(), strict=True):
    fit = fit_temperature(held_out, validation["label"])
    steps = adam(held_out, validation["label"])
    print(f"{name:9} T = {fit.temperature:.2f} +- {fit.standard_error:.2f}; after 300 steps of Adam {steps:.2f}")
    reliability(pair[0], logits, test["label"], name)
    reliability(pair[1], logits / fit.temperature, test["label"], f"{name}, T = {fit.temperature:.2f}")
figure.tight_layout()

# %% [markdown]
# ## Why not on the training images?
#
# The post warns that T would come out as low as possible. On the images it was trained on the network makes no
# mistakes: no finite T is best, and the solver says so instead of returning a number.

# %%
seen = loop.predict(network, dataset.train["image"])
warnings.simplefilter("ignore")  # it warns as well
print("T from training images:", fit_temperature(seen, dataset.train["label"]).status)

# %% [markdown]
# ## What we found at full size
#
# Temperature scaling is the fastest of six methods and the only one that never changes a prediction; it is *not* the
# most accurate on two of three networks, and on one public network (WRN on CIFAR-100) it hardly helps:
# `calibration/README.md`.
#
# ## Exercises
#
# 1. Let the network learn T while it trains: `build(network="residual", learn_temperature=True)`. Which way does it
# go?
# 2. Fit T on 20 validation images, fifty times over. How much does it vary? Compare with the printed standard error.
