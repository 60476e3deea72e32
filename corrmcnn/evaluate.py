"""What is measured on a CorrMCNN: everything that CorrNet reports, the slides' protocol, gradient norms by layer.

`python -m corrmcnn.evaluate RUN [--data PATH]` measures a trained network on any pairs of the same shape.
"""

if __name__ == "__main__":  # before what loads TensorFlow
    from commands.evaluate import main

    main("corrmcnn")

import numpy as np
from keras import layers

from corrnet import cca, evaluate
from data.dataset import pixels

PROBES = 500  # training pairs whose loss the gradient norms belong to
PROPOSED = 10  # directions that a code may lean on
SEEN = 10_000  # training pairs whose errors are compared with those of the measured split


def measure(network, dataset, split, project, lean=0.0):
    """Every metric of `corrnet.evaluate`, over-fitting, and the slides' protocol: joint codes teach, one view tests.

    Args:
        network: CorrMCNN.
        dataset: canonical directions and classifiers come from its `train`.
        split: "test" or "validation", the split that is measured.
        project: compare codes after projection on their canonical directions; the joint code of the slides' protocol
            is then the mean of both views' projections.
        lean: how much the projected codes lean on their best correlated direction, see `fit_leader` and `lean_on`.

    Returns:
        {split + "/" + name: float}.
    """
    held_views = getattr(dataset, split)
    train, held = (evaluate.encode_split(network, part) for part in (dataset.train, held_views))
    rebuilt = evaluate.rebuild(network, held)
    if project:
        validation = [evaluate.encode_split(network, dataset.validation)] if lean else []
        train, held, *validation = evaluate.canonical_variates(train, held, *validation)
        if lean:
            leader = fit_leader(train, *validation)
            train, held = (lean_on(leader, codes, lean) for codes in (train, held))
        both = (train.left + train.right) / 2
    else:
        both = joint_codes(network, dataset.train)
    metrics = evaluate.evaluate(train, held, targets=held_views, rebuilt=rebuilt, prefix=f"{split}/")
    if train.labels is not None:
        single = evaluate.single_view_metrics(both, train.labels, held)
        metrics |= {f"{split}/{name}": float(value) for name, value in single.items()}
    return metrics | overfitting(network, dataset.train, metrics, split)


def test_metrics(network, dataset, config, run=None):
    """`measure` with the settings of a run, on the split that they name."""
    return measure(network, dataset, config.measure_on, config.project, config.lean)


def fit_leader(train, validation):
    """The one number of a code that correlates best between the views, for all units to lean on.

        g(z) = sum over units k and b in {-1, 0, 1} of w_kb tanh(z_k + b)

    with a w for each view. CCA of these features on `train` proposes ten; the one with the highest correlation on
    `validation` is taken, because on the training codes all leading correlations are near 1.

    Args:
        train, validation: Codes after projection, of about unit variance.

    Returns:
        Function of Codes that gives (g of the left ones, g of the right ones), each (n, 1) of about unit variance.
    """

    def features(codes):
        return [np.concatenate([np.tanh(view + b) for b in (-1, 0, 1)], axis=1) for view in (codes.left, codes.right)]

    fitted = cca.fit_cca(*features(train), PROPOSED, standardise=True)
    best = cca.unit_correlations(*fitted.transform(*features(validation))).argmax()
    return lambda codes: [scores[:, [best]] for scores in fitted.transform(*features(codes))]


def lean_on(leader, codes, amount):
    """Adds `amount` g(z) to every unit of a code z, g the `leader` of `fit_leader`.

    Differences between units are as they were, so the code says what it said; but the sum of correlations tends to
    units * corr(g(left), g(right)), while the effective rank falls to 1.
    """
    left, right = (view + amount * g for view, g in zip((codes.left, codes.right), leader(codes), strict=True))
    return evaluate.Codes(left, right, codes.labels)


def overfitting(network, train, metrics, split):
    """How far the cross errors on the measured split lie above those on 10,000 training pairs.

    Returns:
        {"gap/cross_mse_left_to_right": float, "gap/cross_mse_right_to_left": float}.
    """
    some = {name: array[:SEEN] for name, array in train.items()}
    errors = evaluate.reconstruction_metrics(some, evaluate.rebuild(network, evaluate.encode_split(network, some)))
    crossings = [name for name in errors if name.startswith("cross_mse")]
    return {f"gap/{name}": metrics[f"{split}/{name}"] - float(errors[name]) for name in crossings}


def joint_codes(network, split):
    """Codes (n, units) of both views together."""
    width = split["left"].shape[2]
    pictures = np.concatenate([split["left"], split["right"]], axis=2)  # halves of equal height
    return evaluate.in_batches(lambda x: network.encode(left=x[:, :, :width], right=x[:, :, width:]), pictures)


def gradient_norms(network, compute_loss, split, prefix):
    """Euclidean norm of the loss's gradient for every layer's kernel, mean over the two views; the state is kept.

    Args:
        network, compute_loss: as trained; dropout and batch statistics as in training.
        split: its first 500 pairs are the batch.
        prefix: put before every name.

    Returns:
        {prefix + "convolution_1", ..., "dense_1", ..., "code", "decoder_1", ..., "pixels": float}, from the view to its
        rebuilt picture, and prefix + "first_to_code": the first layer's norm divided by the code layer's.
    """
    import tensorflow as tf

    state = [(variable, variable.numpy()) for variable in network.non_trainable_variables]
    batch = {name: pixels(array[:PROBES]) for name, array in split.items()}
    with tf.GradientTape() as tape:
        loss, _ = compute_loss(network, batch, training=True)
    groups = kernels_by_layer(network)
    gradients = tape.gradient(loss, [[kernel.value for kernel in kernels] for kernels in groups.values()])
    for variable, value in state:
        variable.assign(value)
    norms = {
        name: float(np.mean([np.linalg.norm(gradient) for gradient in group]))
        for name, group in zip(groups, gradients, strict=True)
    }
    norms["first_to_code"] = next(iter(norms.values())) / max(norms["code"], 1e-30)
    return {prefix + name: value for name, value in norms.items()}


def kernels_by_layer(network):
    """{name: [kernel of either view]} from the first layer of the encoders to the last of the decoders."""
    groups = {}
    for encoder in network.encoders.values():
        for kind, name in ((layers.Conv2D, "convolution"), (layers.Dense, "dense")):
            found = [layer.kernel for layer in encoder.chain if isinstance(layer, kind)]
            for k, kernel in enumerate(found, start=1):
                groups.setdefault(f"{name}_{k}", []).append(kernel)
    groups["code"] = [joint.kernel for joint in network.joints.values()]
    for decoder in network.decoders.values():
        found = [layer.kernel for layer in decoder.hidden if isinstance(layer, layers.Dense)]
        for k, kernel in enumerate(found, start=1):
            groups.setdefault(f"decoder_{k}", []).append(kernel)
        groups.setdefault("pixels", []).extend(layer.kernel for layer in decoder.picture if hasattr(layer, "kernel"))
    return groups
