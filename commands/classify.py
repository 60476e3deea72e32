"""What a prediction of a classifier of logits is: class, probability, second class, and "unsure"."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from commands.predict import UNSURE, Answer, Asked, is_blank


def answer(network, asked: Asked) -> Answer:
    """Class and probability of every picture; unsure where no class reaches one half or the picture is blank.

    Probabilities are softmax(z / T) where the run's result holds a temperature T, as calibration's do.
    """
    from scipy.special import softmax

    from reporting.runs import class_names_of
    from training import loop

    logits, names = loop.predict(network, asked.inputs, 500), class_names_of(asked.run)
    temperature = asked.run.result["metrics"].get("temperature", 1.0)
    chances = softmax(logits / temperature, axis=1)
    word = "probability, calibrated" if temperature != 1.0 else "probability"
    rows = ranked(asked, chances, names, word, "no class reaches one half")
    return Answer(rows, {"logits": logits, "probabilities": chances}, lambda: draw(asked, rows, word))


def ranked(asked: Asked, scores: np.ndarray, names: Sequence[str], word: str, weak: str) -> list[dict[str, Any]]:
    """A row for every picture: its best class with its score, the second one, and why it is unsure.

    Args:
        asked: names the pictures.
        scores: (n, classes) in [0, 1].
        names: of the classes.
        word: what a score is called; of the second class without what follows a comma.
        weak: the reason where no score reaches `UNSURE`; of a picture of one colour it is that.
    """
    rows = []
    for picture, values, empty in zip(asked.names, scores, is_blank(asked.inputs), strict=True):
        first, second = np.argsort(-values)[:2]
        doubt = "blank picture" if empty else weak if values[first] < UNSURE else ""
        rows.append({
            "picture": picture, "class": "unsure" if doubt else names[first], word: float(values[first]),
            "second": names[second], f"its {word.partition(',')[0]}": float(values[second]), "why unsure": doubt,
        })  # fmt: skip
    return rows


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
