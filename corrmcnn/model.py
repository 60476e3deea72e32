"""CorrMCNN: convolutional encoders of two views, one code, deconvolution back to both (Bhatt et al. 2017; the slides).

An encoder runs once per view and serves three passes: the code of both views, of the left alone and of the right alone.
"""

import math

import keras
from keras import layers, ops

from common.options import one_of
from common.shapes import same_shape
from corrmcnn import losses
from corrmcnn.layers import PACKAGE, Decoder, Encoder, PairDistortion, build_chain, draw_pytorch_weights

VIEWS = ("left", "right")
PASSES = ("both", "left", "right")  # which views the code of a pass was made from
FUSIONS = ("hidden_sum", "code_sum", "code_mean")
ABSENT = ("nothing", "zero_image", "zero_batch")
OPTIONS = {
    "fusion": FUSIONS,
    "absent": ABSENT,
    "initial_weights": ("keras", "pytorch"),
    "padding": ("valid", "same"),
    "batch_norm": ("none", "convolutions", "all"),
}
# Layers of the slides' summary table, by the names they have there.
TABLE = {
    "Conv2D": "Conv2d",
    "MaxPooling": "MaxPool2d",
    "BatchNormalization": "BatchNorm2d",
    "Dense": "Linear",
    "TransposedDense": "Linear",
    "Dropout": "Dropout",
    "NearestUpsampling": "Upsample",
    "Deconvolution": "ConvTranspose2d",
}


@keras.saving.register_keras_serializable(package=PACKAGE)
class CorrMCNN(keras.Model):
    """Two encoders, one code, two decoders.

    A call on {"left": (n, *left_shape), "right": (n, *right_shape)} returns
    - for each of the passes "both", "left" and "right" a dictionary with the "code" (n, code_units), the rebuilt "left"
      and "right" views, and "steps": {"left": [...], "right": [...]}, the hidden layers of either view's decoder;
    - "views": {"left": ..., "right": ...}, the views as encoded (distorted in training, if asked for);
    - "steps": {"left": [...], "right": [...]}, the dense layers of either view's encoder.

    Args:
        left_shape, right_shape: (height, width, channels) of each view.
        code_units: size of the common code.
        filters, padding, dense_units, batch_norm, dropout, activation, dense_activation: see `Encoder`.
        decoder_units, deconvolution, output_activation: see `Decoder`, whose hidden layers have dense_activation.
        tied: the decoders run the dense part of their encoder backwards, its kernels transposed; decoder_units must
            be dense_units reversed. Convolutions and the deconvolution's own layers stay free.
        code_activation: of the code.
        fusion: "hidden_sum": f(W (sum of the last hidden layers) + b), one W for both views (the slides); "code_sum"
            and "code_mean": sum or mean of f(W_view hidden + b_view), a W for each view (the official code).
        absent: what a view that is not given adds. "nothing"; "zero_image": what the encoder makes of an image of
            zeros, on inference statistics; "zero_batch": the same on batch statistics, which such images pollute.
        shift, stretch: see `PairDistortion`.
        initial_weights: "keras" (Glorot-uniform kernels, zero biases) or "pytorch", see `draw_pytorch_weights`.
    """

    objective: dict | None = (
        None  # arguments of `losses.compute_loss` for plain `fit`, for example {"correlation_weight": 0.5}
    )

    def __init__(self, left_shape, right_shape, code_units=50, filters=(128, 64), padding="valid",
                 dense_units=(500, 300), batch_norm="convolutions", dropout=0.2, activation="relu",
                 dense_activation="relu", decoder_units=(), deconvolution=True, tied=False, code_activation="relu",
                 output_activation="sigmoid", fusion="hidden_sum", absent="nothing", shift=0.0, stretch=0.0,
                 initial_weights="keras", **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        encoder = dict(filters=tuple(filters), padding=padding, dense_units=tuple(dense_units), batch_norm=batch_norm,
                       dropout=dropout, activation=activation, dense_activation=dense_activation)  # fmt: skip
        decoder = dict(deconvolution=deconvolution, tied=tied, output_activation=output_activation)
        self.settings = encoder | decoder | dict(
            left_shape=tuple(left_shape), right_shape=tuple(right_shape), code_units=code_units, absent=absent,
            decoder_units=tuple(decoder_units), code_activation=code_activation, fusion=fusion, shift=shift,
            stretch=stretch, initial_weights=initial_weights)  # fmt: skip
        check_settings(self.settings)
        self.view_shapes = dict(zip(VIEWS, (tuple(left_shape), tuple(right_shape)), strict=True))
        self.encoders = {view: Encoder(**encoder, name=f"{view}_encoder") for view in VIEWS}
        joints = ("joint",) if fusion == "hidden_sum" else VIEWS
        self.joints = {name: layers.Dense(code_units, activation=code_activation, name=f"{name}_code")
                       for name in joints}  # fmt: skip
        decoder |= {"units": decoder_units, "activation": dense_activation}
        self.decoders = {view: Decoder(shape, **decoder, name=f"{view}_decoder")
                         for view, shape in self.view_shapes.items()}  # fmt: skip
        self.distort = PairDistortion(shift, stretch)

    def build(self, input_shape=None):
        for view, shape in self.view_shapes.items():
            self.encoders[view].build((None, *shape))
            self.decoders[view].build((None, self.settings["code_units"]))
        for joint in self.joints.values():
            joint.build((None, self.settings["dense_units"][-1]))
        if self.settings["initial_weights"] == "pytorch":
            draw_pytorch_weights(self)
        self.built = True

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Keras' hook: `fit({"left": ..., "right": ...})` minimises `losses.compute_loss` with `objective`.

        No targets and no loss in `compile` are needed. Weights of the samples (n,) are given as a third input,
        "sample_weight": Keras drops its own argument where there are no targets.
        """
        return losses.compute_loss(lambda views, training: y_pred, x, training, **(self.objective or {}))[0]

    def encode(self, left=None, right=None):
        """Code (n, code_units) of whichever views are given, on inference statistics.

        Raises:
            ValueError: when both views are missing.
        """
        given = {view: x for view, x in zip(VIEWS, (left, right), strict=True) if x is not None}
        if not given:
            raise ValueError("Nothing to encode: expected `left`, `right` or both, received neither.")
        hidden = {view: self.encoders[view](x, training=False)[-1] for view, x in given.items()}
        if len(hidden) == 2:
            same_shape("hidden layers of the left view", hidden["left"], "those of the right view", hidden["right"])
        return self.fuse(hidden | self.absent_views(given, training=False))

    def decode(self, code):
        """Both views, as {"left": (n, *left_shape), "right": (n, *right_shape)}, of codes (n, code_units)."""
        return {view: self.decoders[view](code, self.tied_kernels(view))[0] for view in VIEWS}

    def call(self, inputs, training=None):
        views = dict(zip(VIEWS, self.distort(inputs["left"], inputs["right"], training=training), strict=True))
        steps = {view: self.encoders[view](x, training=training) for view, x in views.items()}
        hidden = {view: outputs[-1] for view, outputs in steps.items()}
        zeros = {view: self.absent_views({view}, training) for view in VIEWS}
        given = {"both": hidden} | {view: {view: hidden[view]} | zeros[view] for view in VIEWS}
        codes = {name: self.fuse(parts) for name, parts in given.items()}
        outputs = {name: {"code": code, "steps": {}} for name, code in codes.items()}
        every_code = ops.concatenate(list(codes.values()), axis=0)  # (3 n, code_units): one run of each decoder
        for view in VIEWS:
            rebuilt, decoded = self.decoders[view](every_code, self.tied_kernels(view))
            parts = zip(ops.split(rebuilt, 3, axis=0), *(ops.split(step, 3, axis=0) for step in decoded), strict=True)
            for name, (picture, *hidden_layers) in zip(PASSES, parts, strict=True):
                outputs[name][view] = picture
                outputs[name]["steps"][view] = hidden_layers
        return outputs | {"views": views, "steps": steps}

    def absent_views(self, given, training):
        """{view: hidden layer} of the views not in `given`, of zero images; one row, as all are alike."""
        if self.settings["absent"] == "nothing":
            return {}
        training = training if self.settings["absent"] == "zero_batch" else False
        missing = [view for view in VIEWS if view not in given]
        return {v: self.encoders[v](ops.zeros((1, *self.view_shapes[v])), training=training)[-1] for v in missing}

    def fuse(self, hidden):
        """Code (n, code_units) of the last hidden layers {view: (n or 1, units)} of the views that count."""
        if self.settings["fusion"] == "hidden_sum":
            return self.joints["joint"](sum(hidden.values()))
        total = sum(self.joints[view](x) for view, x in hidden.items())
        return total / len(hidden) if self.settings["fusion"] == "code_mean" else total

    def tied_kernels(self, view):
        """Kernels that a tied decoder transposes: of the code, then of the dense layers but the first, backwards."""
        if not self.settings["tied"]:
            return ()
        joint = self.joints.get(view) or self.joints["joint"]
        dense = [layer for layer in self.encoders[view].chain if isinstance(layer, layers.Dense)]
        return [layer.kernel for layer in (joint, *dense[:0:-1])]

    def compute_output_shape(self, input_shape):
        n = input_shape["left"][0]
        decoded = {view: self.decoders[view].compute_output_shape((n, 1)) for view in VIEWS}
        rebuilt = {view: shape for view, (shape, _) in decoded.items()}
        one = {"code": (n, self.settings["code_units"]), "steps": {view: steps for view, (_, steps) in decoded.items()}}
        steps = {view: self.encoders[view].compute_output_shape((n,)) for view in VIEWS}
        return {name: one | rebuilt for name in PASSES} | {"views": rebuilt, "steps": steps}

    def get_config(self):
        return super().get_config() | self.settings


def check_settings(settings):
    """Raises ValueError for names that do not exist, or a tied decoder that does not mirror its encoder."""
    for name, known in OPTIONS.items():
        one_of(name, settings[name], known)
    if not settings["dense_units"]:
        raise ValueError("An encoder needs a hidden layer: expected dense_units of length 1 or more, received ().")
    mirrored = settings["dense_units"][::-1]
    if settings["tied"] and settings["decoder_units"] != mirrored:
        raise ValueError(
            f"A tied decoder mirrors its encoder: expected decoder_units {mirrored}, received "
            f"{settings['decoder_units']}. Change decoder_units or pass tied=False."
        )


def build(*, left_shape, right_shape, **settings):
    """A built CorrMCNN; the arguments are those of `CorrMCNN`."""
    model = CorrMCNN(left_shape, right_shape, **settings)
    model.build()
    return model


def layer_table(model):
    """The rows of the slides' summary: (layer's name there, output shape without the batch, trainable parameters).

    Order of the slides: left encoder, right encoder, code, left decoder, right decoder.
    """
    code = (None, model.settings["code_units"])
    chains = [(model.encoders[view].chain, (None, *model.view_shapes[view])) for view in VIEWS]
    chains += [([joint], (None, model.settings["dense_units"][-1])) for joint in model.joints.values()]
    chains += [([*model.decoders[view].hidden, *model.decoders[view].picture], code) for view in VIEWS]
    return [
        (TABLE[type(layer).__name__], tuple(shape[1:]), sum(math.prod(w.shape) for w in layer.trainable_weights))
        for chain, start in chains
        for layer, shape in zip(chain, build_chain(chain, start), strict=True)
        if type(layer).__name__ in TABLE
    ]
