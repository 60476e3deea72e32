"""The CapsNet posts' drawings: the architecture, the squashing function, routing step by step."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import diagram, plots
from reporting.diagram import Box


def architecture() -> Figure:
    """The paper's network for MNIST with the shapes that our layers have."""
    from capsnet import model

    network = model.build(compiled=False)

    def shape(name):
        return " x ".join(str(side) for side in network.get_layer(name).output.shape[1:])

    count = sum(int(weight.shape.num_elements()) for weight in network.trainable_weights)
    names = [("image", "image\n28 x 28", "data"), ("convolution", f"9x9 conv, ReLU\n{shape('convolution')}", "layer"),
             ("primary", f"primary capsules\n{shape('primary')}", "code"),
             ("digit", f"digit capsules\n(routing) {shape('digit')}", "code"),
             ("length", f"lengths: classes\n{shape('length')}", "output")]  # fmt: skip
    boxes = diagram.row(names, 1.9, 0.95, 2.0, width=1.5, height=0.65)
    below = [("mask", "all but one\ncapsule set to 0", "layer"), ("decoder", "dense 512, 1024,\n784", "layer"),
             ("rebuilt", "image, rebuilt\n28 x 28", "output")]  # fmt: skip
    boxes |= {name: Box(6.95 - 2.0 * k, 0.7, text, kind, width=1.5, height=0.65)
              for k, (name, text, kind) in enumerate(below)}  # fmt: skip
    arrows = diagram.chain([name for name, _, _ in names]) + diagram.chain(["digit", "mask", "decoder", "rebuilt"])
    figure = diagram.draw(boxes, arrows, (9.9, 2.6), "CapsNet for MNIST")
    return plots.caption(figure, f"Layers and shapes of capsnet.model.build: {count:,} parameters.")


def squash() -> Figure:
    """The length that comes out against the length that goes in: the paper's function and Efficient-CapsNet's."""
    from capsnet.efficient import squash_exponential
    from capsnet.routing import squash as squash_paper

    lengths = np.linspace(0, 5, 200, dtype=np.float32)
    vectors = np.stack([lengths, 0 * lengths], axis=1)
    figure, axis = plt.subplots(figsize=(5.4, 3.4))
    for function, label in ((squash_paper, "|s|² / (1 + |s|²), the post and the paper"),
                            (squash_exponential, "1 - exp(-|s|), Efficient-CapsNet")):  # fmt: skip
        axis.plot(lengths, np.linalg.norm(np.asarray(function(vectors)), axis=1), label=label)
    axis.set(
        xlabel="length before, |s|", ylabel="length after, |v|", ylim=(0, 1), title="Squashing keeps the direction"
    )
    axis.legend(fontsize=8)
    return plots.caption(figure, "capsnet.routing.squash and capsnet.efficient.squash_exponential, computed; no data.")


def routing() -> Figure:
    """Five votes for each of three capsules, and the couplings after each iteration of our routing."""
    from capsnet.routing import route

    random = np.random.default_rng(3)
    centre = 0.7 * random.normal(size=(5, 3, 2))
    centre[:, 1] = (0.8, 0.9) + 0.12 * random.normal(size=(5, 2))  # all agree about the second capsule
    votes = centre[:, None].astype(np.float32)  # (inputs, 1, outputs, size)
    history = np.asarray(route(votes)[1])[:, :, 0]  # (iterations, inputs, outputs)
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), width_ratios=(1.25, 1, 1, 1))
    for k, marker in enumerate("osD"):
        axes[0].scatter(*centre[:, k].T, marker=marker, label=f"capsule {k + 1}")
    axes[0].set(title="five votes for each", xlabel="first number", ylabel="second number")
    axes[0].legend(fontsize=7)
    for iteration, (axis, couplings) in enumerate(zip(axes[1:], history, strict=True), 1):
        image = axis.imshow(couplings, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axis.set(title=f"couplings, iteration {iteration}", xlabel="output capsule", xticks=range(3),
                 xticklabels=("1", "2", "3"), yticks=range(5), yticklabels=range(1, 6))  # fmt: skip
        axis.grid(False)
        for i in range(5):
            for j in range(3):
                axis.text(j, i, f"{couplings[i, j]:.2f}", ha="center", va="center", fontsize=7,
                          color="white" if couplings[i, j] < 0.6 else "black")  # fmt: skip
    axes[1].set_ylabel("input capsule")
    figure.colorbar(image, ax=axes[3], label="share of the vote")
    return plots.caption(
        figure,
        "capsnet.routing.route on made-up votes: agreement about capsule 2 draws the couplings to it; rows sum to 1.",
    )


DRAWINGS = {"architecture": architecture, "squash": squash, "routing": routing}
