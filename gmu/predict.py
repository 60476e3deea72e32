"""Classifies rows of a table with a trained unit: `python -m gmu.predict RUN TABLE [--out FILE]`.

The table has the modalities of the run's own (for runs on the post's data `visual` and `textual`, in data units);
columns may be left out or cells empty where a modality is missing.
"""

import numpy as np

from commands.predict import UNSURE, Answer, Ask, Asked, main
from common import UserError
from data import asked as other_data


def read(run, options: Ask):
    """(names of the rows, modalities on the run's scale and `present`) of one or more tables."""
    return other_data.read_tables(options.inputs, run.environment["data"])


def answer(network, asked: Asked) -> Answer:
    """Class, probability and the gate of every modality: how much of the answer comes from it."""
    from reporting.runs import class_names_of
    from training import loop

    inputs = dict(asked.inputs)
    present = inputs["present"]
    if present.all() or not hasattr(network, "fusion"):
        if not present.all():
            raise UserError("this network has no gate that could leave a modality out, expected all; use a gmu run")
        inputs.pop("present")
    outputs, modalities = loop.predict(network, inputs), asked.trained.get("modalities", ["visual", "textual"])
    sigmoid = asked.run.config["settings"]["cross_entropy"] == "sigmoid" and outputs["logits"].shape[1] == 2
    names = class_names_of(asked.run) if "class_names" in asked.trained else ("0", "1")
    chances = probabilities(outputs["logits"].astype(np.float64), sigmoid)
    gates = outputs["gates"].mean(axis=-1) if "gates" in outputs else np.full(present.shape, np.nan)
    rows = []
    for row, (name, chance) in enumerate(zip(asked.names, chances, strict=True)):
        best = int(chance.argmax())
        line = {"row": name, "class": names[best] if chance[best] >= UNSURE else "unsure", "probability": chance[best]}
        for k, modality in enumerate(modalities):
            line[f"gate of {modality}"] = float(gates[row, k]) if present[row, k] else "missing"
        rows.append(line)
    return Answer(
        rows, {"probabilities": chances, "gates": gates, "present": present}, lambda: draw(asked, rows, gates)
    )


def probabilities(logits: np.ndarray, sigmoid: bool) -> np.ndarray:
    """(n, classes): the softmax; of a unit trained with the post's sigmoids 1 - p and p of its second logit."""
    from scipy.special import softmax

    if sigmoid:
        chance = 1 / (1 + np.exp(-logits[:, 1]))
        return np.stack([1 - chance, chance], axis=1)
    return softmax(logits, axis=1)


def draw(asked: Asked, rows, gates):
    """The gates of the first rows, stacked."""
    from matplotlib import pyplot as plt

    from reporting import plots

    shown, modalities = slice(0, 30), asked.trained.get("modalities", ["visual", "textual"])
    labels = [f"{row['row']}: {row['class']}" for row in rows[shown]]
    figure, axis = plt.subplots(figsize=(7, 1 + 0.28 * len(labels)))
    left = np.zeros(len(labels))
    for k, name in enumerate(modalities):
        values = np.where(asked.inputs["present"][shown, k], gates[shown, k], 0)
        axis.barh(labels, values, left=left, label=name)
        left += values
    axis.invert_yaxis()
    axis.set(xlabel="gate, mean over units", title="Which modality the answer comes from")
    axis.legend(loc="lower right", frameon=True)
    return plots.caption(figure, f"{plots.describe(asked.run)}.")


if __name__ == "__main__":
    main("gmu", Ask, answer, read)
