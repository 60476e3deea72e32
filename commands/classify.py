"""What a prediction of a classifier of logits is: class, probability, second class, and "unsure"."""

import numpy as np

from commands.predict import UNSURE, Answer, Asked, is_blank


def answer(network, asked: Asked) -> Answer:
    """Class and probability of every picture; unsure where no class reaches one half or the picture is blank.

    Probabilities are softmax(z / T) where the run's result holds a temperature T, as calibration's do.
    """
    from reporting.runs import class_names_of
    from training import loop

    logits, names = loop.predict(network, asked.inputs, 500), class_names_of(asked.run)
    temperature = asked.run.result["metrics"].get("temperature", 1.0)
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    chances = powers / powers.sum(axis=1, keepdims=True)
    word = "probability, calibrated" if temperature != 1.0 else "probability"
    rows = []
    for picture, values, empty in zip(asked.names, chances, is_blank(asked.inputs), strict=True):
        first, second = np.argsort(-values)[:2]
        doubt = "blank picture" if empty else "no class reaches one half" if values[first] < UNSURE else ""
        rows.append({
            "picture": picture, "class": "unsure" if doubt else names[first], word: float(values[first]),
            "second": names[second], "its probability": float(values[second]), "why unsure": doubt,
        })  # fmt: skip
    return Answer(rows, {"logits": logits, "probabilities": chances}, lambda: draw(asked, rows, word))


def draw(asked: Asked, rows, word: str):
    """The first pictures with the class that each was given."""
    from reporting import plots

    shown = asked.inputs[:10]
    if "standardised" in asked.trained:
        mean, deviation = asked.trained["standardised"]
        shown = shown * deviation + mean
    titles = [f"{row['class']}\n{row[word]:.2f}" for row in rows[:10]]
    figure = plots.image_rows({"picture": shown}, titles=titles)
    return plots.caption(figure, f"Class and {word}. {plots.describe(asked.run)}.")
