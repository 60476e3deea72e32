"""The CorrNet guide's drawings: its abstract view, its architecture and its loss, from the model itself."""

from matplotlib.figure import Figure

from reporting import diagram, plots
from reporting.diagram import Arrow, Box


def abstract_view() -> Figure:
    """One code for two views, and both views back from it."""
    boxes = {
        "a": Box(0.9, 2.1, "view a\n(audio)", "data"),
        "v": Box(0.9, 0.7, "view v\n(video)", "data"),
        "h": Box(3.2, 1.4, "common\nrepresentation", "code", height=0.8),
        "ra": Box(5.5, 2.1, "view a,\nrebuilt", "output"),
        "rv": Box(5.5, 0.7, "view v,\nrebuilt", "output"),
    }
    arrows = [Arrow("a", "h"), Arrow("v", "h"), Arrow("h", "ra"), Arrow("h", "rv")]
    figure = diagram.draw(boxes, arrows, (6.4, 2.8), "CorrNet: what two views have in common")
    return plots.caption(figure, "Drawn by our code; no data.")


def architecture() -> Figure:
    """The network of the guide on the halves of MNIST, with the sizes and parameters of our `blog` model."""
    from corrnet import model
    from corrnet.train import VARIANTS

    config = VARIANTS["blog"][1]
    network = model.build(
        left_shape=(28, 14, 1), right_shape=(28, 14, 1), code_units=config.code_units, tied=config.tied
    )
    units = config.code_units
    count = sum(int(weight.shape.num_elements()) for weight in network.trainable_weights)
    boxes = {
        "a": Box(0.9, 2.3, "$I_a$: left half\n392 pixels", "data"),
        "v": Box(0.9, 0.8, "$I_v$: right half\n392 pixels", "data"),
        "wa": Box(2.7, 2.3, "$W_a I_a$", width=1.0),
        "wv": Box(2.7, 0.8, "$W_v I_v$", width=1.0),
        "h": Box(4.9, 1.55, f"$H = f(W_a I_a + W_v I_v + b)$\n{units} units", "code", width=2.3, height=0.8),
        "ra": Box(7.7, 2.3, "$I'_a = g(W'_a H + b')$\n392 pixels", "output", width=1.9),
        "rv": Box(7.7, 0.8, "$I'_v = g(W'_v H + b')$\n392 pixels", "output", width=1.9),
    }
    arrows = [
        Arrow("a", "wa"),
        Arrow("v", "wv"),
        Arrow("wa", "h"),
        Arrow("wv", "h"),
        Arrow("h", "ra"),
        Arrow("h", "rv"),
    ]
    figure = diagram.draw(boxes, arrows, (8.9, 3.1), "CorrNet: a missing view adds nothing to the sum")
    text = (
        f"Built by corrnet.model.build as in variant blog: {count:,} parameters. One bias b is shared, so H of one view"
    )
    return plots.caption(figure, f"{text} alone is f(W I + b).")


def loss() -> Figure:
    """The three passes of the loss: from both views, from each alone, and the correlation of the two codes."""
    boxes = {}
    names = (("both", "$I_a$ and $I_v$", "$H$"), ("a", "$I_a$ alone", "$H_a$"), ("v", "$I_v$ alone", "$H_v$"))
    for k, (name, given, code) in enumerate(names):
        y = 3.3 - 0.95 * k
        boxes[f"{name}-in"] = Box(0.95, y, given, "data")
        boxes[f"{name}-code"] = Box(2.75, y, code, "code", width=0.8)
        boxes[f"{name}-out"] = Box(4.6, y, "$I'_a$ and $I'_v$", "output")
        boxes[f"{name}-loss"] = Box(7.0, y, f"$L_{k + 1}$: error of both views", "loss", width=2.1)
    boxes["corr"] = Box(2.75, 0.4, r"$L_4$: $-\lambda\,\mathrm{corr}(H_a, H_v)$", "loss", width=2.1)
    arrows = [
        arrow
        for name, _, _ in names
        for arrow in diagram.chain([f"{name}-{part}" for part in ("in", "code", "out", "loss")])
    ]
    arrows += [Arrow("a-code", "corr", bend=0.75), Arrow("v-code", "corr")]
    figure = diagram.draw(boxes, arrows, (8.3, 3.8), "The loss: three reconstructions minus the correlation")
    return plots.caption(
        figure, "corrnet.losses.compute_loss. The guide's code returns + corr, which its optimiser lowers."
    )


DRAWINGS = {"abstract_view": abstract_view, "architecture": architecture, "loss": loss}
