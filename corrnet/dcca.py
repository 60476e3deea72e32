"""Deep CCA (Andrew et al. 2013), the rival that maximises canonical correlations instead of rebuilding the views."""

import keras
from keras import layers, ops

from corrnet.losses import sum_correlation
from corrnet.model import PACKAGE

RIDGE = 1e-3  # added to both covariance matrices of a batch


@keras.saving.register_keras_serializable(package=PACKAGE)
class DeepCCA(keras.Model):
    """One tower of dense layers per view, no decoder.

    Args:
        left_shape, right_shape: shape of one sample of each view.
        code_units: size of each code.
        hidden_units: widths of the hidden layers; each is followed by batch normalisation, ReLU and dropout.
        dropout: share of hidden units dropped in training, in [0, 1).
        input_dropout: share of pixels set to 0 in training, in [0, 1).
    """

    def __init__(self, left_shape, right_shape, code_units=50, hidden_units=(1024, 1024), dropout=0.2,
                 input_dropout=0.0, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self.settings = dict(
            left_shape=tuple(left_shape), right_shape=tuple(right_shape), code_units=code_units,
            hidden_units=tuple(hidden_units), dropout=dropout, input_dropout=input_dropout,
        )  # fmt: skip
        shared = code_units, hidden_units, dropout, input_dropout
        self.left = build_tower(left_shape, *shared, name="left")
        self.right = build_tower(right_shape, *shared, name="right")
        self.built = True

    def encode(self, left=None, right=None):
        """Code (n, code_units) of one view; deep CCA has no joint code.

        Raises:
            ValueError: unless exactly one view is given.
        """
        if (left is None) == (right is None):
            count = "neither" if left is None else "both"
            raise ValueError(f"Deep CCA encodes one view at a time: expected left or right, received {count}.")
        return self.right(right, training=False) if left is None else self.left(left, training=False)

    def call(self, inputs, training=None):
        towers = {"left": self.left, "right": self.right}
        return {view: {"code": tower(inputs[view], training=training)} for view, tower in towers.items()}

    def get_config(self):
        return super().get_config() | self.settings


def build_tower(shape, code_units, hidden_units, dropout, input_dropout, name):
    """(n, *shape) -> (n, code_units), the last layer linear."""
    x = inputs = keras.Input(shape)
    x = layers.Flatten()(x)
    if input_dropout:
        # plain dropout would rescale the pixels that stay
        x = layers.Rescaling(1.0 - input_dropout)(layers.Dropout(input_dropout)(x))
    for units in hidden_units:
        x = layers.Activation("relu")(layers.BatchNormalization()(layers.Dense(units, use_bias=False)(x)))
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(code_units)(x), name=name)


def canonical_correlation_loss(left, right, ridge=RIDGE):
    """Minus the total canonical correlation of a batch, Andrew et al. 2013, Eq. 10.

    -(sum of the singular values of A^-1 C_lr B^-T), with A A^T = C_ll + r I and B B^T = C_rr + r I (Cholesky; any
    root gives the same singular values).

    Args:
        left, right: (n, units), n well above units.
        ridge: r > 0.

    Returns:
        Scalar float32 in [-units, 0].
    """
    left_covariance, right_covariance, cross = _covariances(left, right)
    unit = ops.eye(left.shape[1], dtype="float32")
    a, b = ops.cholesky(left_covariance + ridge * unit), ops.cholesky(right_covariance + ridge * unit)
    whitened = ops.solve_triangular(a, cross, lower=True)  # A^-1 C
    whitened = ops.solve_triangular(b, ops.transpose(whitened), lower=True)  # B^-1 C^T A^-T
    return -ops.sum(ops.svd(whitened, compute_uv=False))


def eckart_young_loss(left, right):
    """The Eckart-Young loss, Chapman et al. 2024, Eq. 8: -2 tr(C_lr + C_rl) + tr((C_ll + C_rr)^2).

    No matrix is inverted. Its minimum over all codes is minus the sum of the squared canonical correlations.

    Args:
        left, right: (n, units).

    Returns:
        Scalar float32; covariances divide by n - 1.
    """
    left_covariance, right_covariance, cross = _covariances(left, right)
    total = left_covariance + right_covariance
    return -4.0 * ops.trace(cross) + ops.sum(total * total)  # tr(M M) = sum of squares, M symmetric


OBJECTIVES = {"canonical": canonical_correlation_loss, "eckart_young": eckart_young_loss}


def _covariances(left, right):
    """C_ll, C_rr and C_lr of a batch, (units, units) float32 each."""
    left, right = (x - ops.mean(x, axis=0) for x in (ops.cast(left, "float32"), ops.cast(right, "float32")))
    scale = 1.0 / max(left.shape[0] - 1, 1) if left.shape[0] else 1.0 / (ops.cast(ops.shape(left)[0], "float32") - 1.0)
    return tuple(scale * ops.matmul(ops.transpose(x), y) for x, y in ((left, left), (right, right), (left, right)))


def compute_loss(model, batch, training, *, objective="canonical"):
    """One of OBJECTIVES on the codes of a batch.

    Returns:
        Scalar loss and its terms: the objective under its name, and "sum_correlation" of the batch.
    """
    outputs = model({"left": batch["left"], "right": batch["right"]}, training=training)
    left, right = outputs["left"]["code"], outputs["right"]["code"]
    loss = OBJECTIVES[objective](left, right)
    return loss, {objective: loss, "sum_correlation": sum_correlation(left, right)}
