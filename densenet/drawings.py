"""The DenseNet post's drawings: who sees whom in a block, and blocks with transitions between them."""

from matplotlib.figure import Figure

from reporting import diagram, plots
from reporting.diagram import Arrow, Box


def connectivity() -> Figure:
    """Every layer of a dense block sees all before it; ResNet adds, a plain net passes on."""
    rows, boxes, arrows = (("plain", 2.95), ("residual (sum)", 1.95), ("dense (concatenation)", 0.75)), {}, []
    for label, y in rows:
        boxes[f"{label}-t"] = Box(1.0, y, label, "data", width=1.7)
        names = [f"{label}-{k}" for k in range(5)]
        for k, name in enumerate(names):
            text = "$x_0$" if k == 0 else f"$H_{k}$"
            boxes[name] = Box(2.7 + 1.25 * k, y, text, "data" if k == 0 else "layer", width=0.6, height=0.42)
        arrows += diagram.chain(names)
        if "residual" in label:
            arrows += [Arrow(names[k], names[k + 2], bend=-0.5) for k in (0, 2)]
        if "dense" in label:
            arrows += [Arrow(names[i], names[j], bend=-0.32 if (i + j) % 2 else 0.32)
                       for i in range(5) for j in range(i + 2, 5)]  # fmt: skip
    figure = diagram.draw(boxes, arrows, (8.6, 3.4), "What a layer sees")
    return plots.caption(
        figure, "x_l = H_l([x_0, ..., x_(l-1)]): 10 connections where a plain block of four has 4. No data."
    )


def blocks() -> Figure:
    """The post's network with the shapes that its layers have."""
    from densenet import model
    from densenet.config import NETWORK
    from densenet.train import VARIANTS

    config = VARIANTS["blog"][1]
    network = model.build(**{name: getattr(config, name) for name in NETWORK})
    shown = [("stem", "3x3 conv"), ("stem_pool", "max-pool"), ("block1", "dense block\n4 x 3x3 conv"),
             ("transition1", "1x1 conv,\nmean-pool"), ("block2", "dense block"), ("transition2", "transition"),
             ("block3", "dense block"), ("pool", "global\nmean"), ("logits", "10 classes")]  # fmt: skip
    boxes, names = {"image": Box(0.6, 0.8, "image\n28 x 28", "data", width=0.85, height=0.75)}, ["image"]
    for k, (name, text) in enumerate(shown):
        shape = " x ".join(str(side) for side in network.get_layer(name).output.shape[1:])
        kind = "code" if "block" in name else "output" if name == "logits" else "layer"
        boxes[name] = Box(1.72 + 1.2 * k, 0.8, f"{text}\n{shape}", kind, width=1.06, height=0.75)
        names.append(name)
    figure = diagram.draw(boxes, diagram.chain(names), (12.1, 1.7), "The post's DenseNet")
    count = sum(int(weight.shape.num_elements()) for weight in network.trainable_weights)
    return plots.caption(figure, f"Shapes of densenet.model.build as in variant blog: {count:,} trainable parameters.")


DRAWINGS = {"connectivity": connectivity, "blocks": blocks}
