"""CorrNet on your own two arrays, in the manner of scikit-learn: fit, transform, reconstruct."""

import functools

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from corrnet.cca import check_pairs, check_view, unit_correlations


class CorrNetEstimator(BaseEstimator):
    """A common code for two views of the same samples; either view can be rebuilt from either.

    Args:
        code_units: size of the code.
        encoder_units: widths of the layers between view and code, mirrored in the decoder; () is the paper's.
        tied: the decoder uses the transposed encoder kernels.
        hidden_activation: of the code and of hidden layers.
        output_activation: "sigmoid" needs views in [0, 1]; "linear" takes any.
        correlation_weight: lambda of the correlation term, summed over units (CorrNet Eq. 5).
        epochs, batch_size, learning_rate: of RMSprop; a batch needs at least 2 samples for a correlation.
        seed: of the initial weights and the order of batches.

    Attributes (after fit):
        model_: the Keras model, `corrnet.model.CorrNet`.
        history_: one {"train/<term>": mean over the epoch} per epoch.

    Example:
        estimator = CorrNetEstimator(code_units=20).fit(left, right, left_only=more_left)
        codes = estimator.transform(right=right)
        missing_left, _ = estimator.reconstruct(right=right)
    """

    def __init__(self, code_units=50, encoder_units=(), tied=True, hidden_activation="sigmoid",
                 output_activation="sigmoid", correlation_weight=2.0, epochs=50, batch_size=100, learning_rate=0.01,
                 seed=0):  # fmt: skip
        self.code_units = code_units
        self.encoder_units = encoder_units
        self.tied = tied
        self.hidden_activation = hidden_activation
        self.output_activation = output_activation
        self.correlation_weight = correlation_weight
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed

    def fit(self, left, right, left_only=None, right_only=None):
        """Learns from pairs and, if given, from samples of which only one view exists.

        Args:
            left, right: (n, *left_shape), (n, *right_shape); row i of one belongs to row i of the other.
            left_only, right_only: (m, *left_shape), (k, *right_shape); they only rebuild themselves.

        Returns:
            self.

        Raises:
            ValueError: views that do not pair up, have other shapes, hold NaN, or leave [0, 1] under a sigmoid
                output; a batch size below 2.
            training.loop.TrainingError: the loss became NaN or infinite.
        """
        if self.batch_size < 2:
            raise ValueError(
                f"A correlation needs at least 2 samples per batch, received batch_size={self.batch_size}. Use 2 or "
                "more; about 100 is usual."
            )
        left, right = check_pairs(left, right)
        self.shapes_ = {"left": left.shape[1:], "right": right.shape[1:]}
        alone = {"left": left_only, "right": right_only}
        alone = {view: self._check(view, x) for view, x in alone.items() if x is not None}
        self._check_range({"left": left, "right": right}, alone)
        self._train(join_unpaired(left, right, alone.get("left"), alone.get("right")))
        return self

    def transform(self, left=None, right=None):
        """Codes (n, code_units) of pairs, or of either view alone.

        Raises:
            ValueError: no view given, another width than in fit, NaN.
        """
        return self._encode(left, right).numpy()

    def reconstruct(self, left=None, right=None):
        """Both views, (n, *left_shape) and (n, *right_shape), rebuilt from the views that are given."""
        views = self.model_.decode(self._encode(left, right))
        return views["left"].numpy(), views["right"].numpy()

    def score(self, left, right):
        """Mean over units of the correlation of the codes of both views, in [-1, 1]; one bad measure alone: it does
        not see copies. `corrnet.evaluate` has the others."""
        left, right = check_pairs(left, right)
        return float(unit_correlations(self.transform(left=left), self.transform(right=right)).mean())

    def _encode(self, left, right):
        check_is_fitted(self, "model_")
        if left is None and right is None:
            raise ValueError("Both views are missing: expected left, right or both, received neither.")
        views = {"left": left, "right": right}
        views = {view: self._check(view, x) for view, x in views.items() if x is not None}
        if len(views) == 2:
            check_pairs(views["left"], views["right"], least=1)
        return self.model_.encode(**{view: np.asarray(x, "float32") for view, x in views.items()})

    def _check(self, view, x):
        x = check_view(view, x)
        if x.shape[1:] != self.shapes_[view]:
            raise ValueError(
                f"The {view} view has the wrong width: expected samples of shape {self.shapes_[view]} as in fit, "
                f"received {x.shape[1:]}."
            )
        return x

    def _check_range(self, *groups):
        for view, x in ((view, x) for group in groups for view, x in group.items()):
            if self.output_activation == "sigmoid" and x.size and (x.min() < 0 or x.max() > 1):
                raise ValueError(
                    f"A sigmoid output rebuilds values in [0, 1], received a {view} view in [{x.min():.4g}, "
                    f'{x.max():.4g}]. Scale the view or use output_activation="linear".'
                )

    def _train(self, samples):
        import keras

        from corrnet import losses, model
        from training import loop

        keras.utils.set_random_seed(self.seed)
        units = tuple(self.encoder_units)
        self.model_ = model.build(
            left_shape=self.shapes_["left"], right_shape=self.shapes_["right"], code_units=self.code_units,
            encoder_units=units, decoder_units=units[::-1], tied=self.tied,
            hidden_activation=self.hidden_activation, output_activation=self.output_activation,
        )  # fmt: skip
        objective = functools.partial(losses.compute_loss, correlation_weight=self.correlation_weight)
        optimizer = keras.optimizers.RMSprop(self.learning_rate, epsilon=losses.EPSILON)
        self.history_ = loop.fit_arrays(
            self.model_, objective, samples, optimizer, self.epochs, self.batch_size, self.seed
        )


def join_unpaired(left, right, left_only=None, right_only=None):
    """One table of pairs and unpaired samples for `corrnet.losses.compute_loss`.

    Returns:
        "left", "right" float32, the missing views zero, and "left_present", "right_present" float32 (n,) in {0, 1}.
    """
    left_only = np.zeros((0, *left.shape[1:])) if left_only is None else left_only
    right_only = np.zeros((0, *right.shape[1:])) if right_only is None else right_only
    pairs, lefts, rights = len(left), len(left_only), len(right_only)
    blank_left, blank_right = np.zeros((rights, *left.shape[1:])), np.zeros((lefts, *right.shape[1:]))
    return {
        "left": np.concatenate([left, left_only, blank_left]).astype("float32"),
        "right": np.concatenate([right, blank_right, right_only]).astype("float32"),
        "left_present": np.repeat(np.float32([1, 1, 0]), [pairs, lefts, rights]),
        "right_present": np.repeat(np.float32([1, 0, 1]), [pairs, lefts, rights]),
    }
