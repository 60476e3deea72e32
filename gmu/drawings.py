"""The GMU post's drawing of the unit."""

from matplotlib.figure import Figure

from reporting import diagram, plots
from reporting.diagram import Arrow, Box


def unit() -> Figure:
    """Two modalities, their features, the gate that reads both, and the mixture."""
    from gmu import model

    network = model.build()
    count = sum(int(weight.shape.num_elements()) for weight in network.trainable_weights)
    boxes = {
        "v": Box(0.9, 2.7, "$x_v$\nvisual", "data"),
        "t": Box(0.9, 0.7, "$x_t$\ntextual", "data"),
        "hv": Box(3.1, 2.7, r"$h_v = \tanh(W_v x_v)$", width=1.6),
        "ht": Box(3.1, 0.7, r"$h_t = \tanh(W_t x_t)$", width=1.6),
        "z": Box(3.1, 1.7, r"$z = \sigma(W_z [x_v, x_t])$", "code", width=1.8),
        "h": Box(6.2, 1.7, r"$h = z\,h_v + (1 - z)\,h_t$", "output", width=2.0),
    }
    arrows = [
        Arrow("v", "hv"),
        Arrow("t", "ht"),
        Arrow("v", "z"),
        Arrow("t", "z"),
        Arrow("hv", "h"),
        Arrow("ht", "h"),
        Arrow("z", "h", "how much of each"),
    ]
    figure = diagram.draw(boxes, arrows, (7.4, 3.3), "The gated multimodal unit")
    return plots.caption(
        figure, f"gmu.layers.GatedMultimodalUnit; with the post's classifier {count} numbers to learn."
    )


DRAWINGS = {"unit": unit}
