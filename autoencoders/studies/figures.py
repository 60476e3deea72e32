"""The figures of the studies of autoencoders, drawn from their finished runs."""

import numpy as np
from matplotlib.figure import Figure

from reporting import plots
from reporting.runs import class_names_of
from training.run import Run

HANDS = 6


def on_demand(run: Run) -> Figure | None:
    """One code a row, one class a column: the same handwriting, another digit."""
    if run.config["variant"].partition("@")[0] != "conditional" or not run.has_model:
        return None
    network, names = run.load_model(), class_names_of(run)
    codes = np.random.default_rng(run.config["settings"]["seed"]).normal(size=(HANDS, run.config["settings"]["latent"]))
    classes = np.arange(network.classes)
    rows = {f"code {i + 1}": np.asarray(network.draw(np.repeat(code[None], len(classes), 0), classes))
            for i, code in enumerate(codes)}  # fmt: skip
    share = run.result["metrics"]["samples/recognised_percent"]
    text = (
        f"Columns: the class that was asked for. Rows: {HANDS} codes drawn from N(0, 1), each decoded for every class. "
        f"{share:.1f} % of new images are recognised as what they were to be. {plots.describe(run)}."
    )
    return plots.caption(plots.image_rows(rows, cell=0.7, titles=list(names)), text)


FIGURES = {"on_demand": on_demand}
