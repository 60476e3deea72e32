"""The slides' drawing of the CorrMCNN, from the layers of our `blog` model."""

from matplotlib.figure import Figure

from reporting import diagram, plots
from reporting.diagram import Arrow, Box

SHORT = {"ConvTranspose2d": "ConvTransp."}


def text_of(name, shape) -> str:
    """A layer's name above the shape that it has."""
    return f"{SHORT.get(name, name)}\n{' x '.join(map(str, shape))}"


def architecture() -> Figure:
    """Both encoders, the code and both decoders with the shapes that the layers have; arrows both ways: L4 and L7."""
    from corrmcnn import model

    network = model.build(left_shape=(28, 14, 1), right_shape=(28, 14, 1))
    rows = [row for row in model.layer_table(network) if row[0] not in ("BatchNorm2d", "Dropout")]
    parameters = sum(row[2] for row in model.layer_table(network))
    code = next(k for k, row in enumerate(rows) if row[1] == (50,))
    encoder, decoder = rows[: code // 2], rows[code + 1 : code + 1 + (len(rows) - code - 1) // 2]
    boxes, arrows = {}, []
    for view, y in (("left", 2.6), ("right", 0.9)):
        boxes[f"{view}-in"] = Box(0.75, y, f"{view} half\n28 x 14", "data", width=1.0)
        names = [f"{view}-in"]
        for k, (name, shape, _) in enumerate(encoder):
            names.append(f"{view}-{k}")
            boxes[names[-1]] = Box(1.95 + 1.13 * k, y, text_of(name, shape), width=1.02)
        names.append("code")
        boxes["code"] = Box(2.15 + 1.13 * len(encoder), 1.75, "code\n50", "code", width=0.7)
        for k, (name, shape, _) in enumerate(decoder):
            names.append(f"{view}-d{k}")
            boxes[names[-1]] = Box(
                3.35 + 1.13 * (len(encoder) + k),
                y,
                text_of(name, shape),
                "output" if k == len(decoder) - 1 else "layer",
                width=1.02,
            )
        arrows += diagram.chain(names)
    dense = [k for k, row in enumerate(encoder) if row[0] == "Linear"]
    arrows += [Arrow(f"left-{k}", f"right-{k}", both=True) for k in dense]
    arrows.append(Arrow("left-d0", "right-d0", both=True))
    width = 4.1 + 1.13 * (len(encoder) + len(decoder))
    figure = diagram.draw(boxes, arrows, (width, 3.4), "CorrMCNN: convolutions, one code, deconvolutions")
    return plots.caption(
        figure,
        f"Layers and shapes of corrmcnn.model.build, {parameters:,} parameters as in the slides; batch normalisation "
        "and dropout left out. Arrows both ways: layers that L4 makes alike and L7 correlates.",
    )


DRAWINGS = {"architecture": architecture}
