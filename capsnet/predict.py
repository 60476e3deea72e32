"""Reads pictures with trained capsules: `python -m capsnet.predict RUN PICTURE... [--out FILE]`."""

import numpy as np

from capsnet.config import has_capsules
from commands.classify import ranked
from commands.predict import UNSURE, Answer, Ask, Asked, main, read_inputs
from common import UserError

DRAWN = 8  # pictures in a drawing


def read(run, options: Ask):
    """Pictures for a run that reads one thing per picture."""
    if run.config["settings"].get("pairs"):
        raise UserError(f"{run.path} reads two digits per picture, expected a run without pairs; use another run")
    return read_inputs(run, options)


def answer(network, asked: Asked) -> Answer:
    """Class and length of the longest capsule of every picture; unsure where all are short or the picture is blank.

    A capsule's length is the network's belief that its class is there, not a probability: lengths need not sum to 1.
    The convolutional baselines give probabilities.
    """
    from scipy.special import softmax

    from reporting.runs import class_names_of
    from training import loop

    outputs, names = loop.predict(network, asked.inputs, 128), class_names_of(asked.run)
    capsules = has_capsules(asked.run.config["settings"]["network"])
    scores = outputs["lengths"] if capsules else softmax(outputs["logits"], axis=1)
    word = "length" if capsules else "probability"
    rows = ranked(asked, scores, names, word, "nothing is there")
    arrays = {f"{word}s": scores, **{key: outputs[key] for key in ("capsules", "reconstruction") if key in outputs}}
    return Answer(rows, arrays, lambda: draw(asked, rows, scores, outputs, names, word))


def draw(asked: Asked, rows, scores, outputs, names, word):
    """The first pictures as they were read, the score of every class, and what the capsules rebuild."""
    from matplotlib import pyplot as plt

    from reporting import plots

    count = min(DRAWN, len(rows))
    figure, axes = plt.subplots(count, 3, figsize=(8, 2.3 * count), width_ratios=(1, 2, 1), squeeze=False)
    for k in range(count):
        pictures = (asked.inputs[k], "read"), (outputs.get("reconstruction", [None] * count)[k], "rebuilt")
        for axis, (picture, title) in zip(axes[k, ::2], pictures, strict=True):
            axis.axis("off")
            if picture is not None:
                axis.imshow(np.squeeze(picture), cmap="gray_r", vmin=0, vmax=1)
                axis.set_title(title)
        axes[k, 1].bar(names, scores[k])
        axes[k, 1].set(ylim=(0, 1), ylabel=word, title=f"{rows[k]['class']} {rows[k]['why unsure']}".strip())
        if max(map(len, names)) > 2:
            axes[k, 1].tick_params(axis="x", rotation=45)
    where = plots.describe(asked.run)
    return plots.caption(figure, f"Below {UNSURE} for every class: unsure. {where}.")


if __name__ == "__main__":
    main("capsnet", Ask, answer, read)
