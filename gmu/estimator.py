"""A gated classifier in scikit-learn's manner, for modalities that may be missing: fit, predict_proba, gates."""

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data


class GatedClassifierEstimator(ClassifierMixin, BaseEstimator):
    """A gated multimodal unit over groups of columns; a group of which a row has only NaN is missing there.

    NaN in a part of a group counts as the column's mean; a row without any group is answered by the bias alone.
    Columns are standardised by their training mean and deviation. Two groups share one gate (z and 1 - z), more have a
    softmax over them. Missing groups are never read: the gates of the others are renormalised.

    Args:
        groups: number of columns of each modality, in their order; None: two halves of the columns.
        units: width D of the fused vector.
        expert_weight: of the gated-expert loss (>= 0).
        epochs, batch_size, learning_rate: of Adam.
        seed: of the initial weights and the order of batches.

    Attributes (after fit):
        model_: the Keras model, `gmu.model.GatedClassifier`.
        classes_: labels, sorted.
        groups_: number of columns of each modality.

    Example:
        estimator = GatedClassifierEstimator(groups=(4, 6)).fit(X, y)  # X (n, 10) with NaN where a modality is missing
        chances, gates = estimator.predict_proba(X), estimator.gates(X)
    """

    def __init__(self, groups=None, units=8, expert_weight=0.3, epochs=100, batch_size=100, learning_rate=0.01, seed=0):
        self.groups = groups
        self.units = units
        self.expert_weight = expert_weight
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y):
        """Learns from rows (n, columns) and labels (n,) of any kind.

        Raises:
            ValueError: fewer than two columns or classes, groups that do not add up, or infinities.
            training.loop.TrainingError: the loss became NaN or infinite.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class ({self.classes_[0]!r}), expected two or more; give rows of another class")
        self.groups_ = self._check_groups(X.shape[1])
        self.shift_ = np.nan_to_num(np.nanmean(X, axis=0)) if len(X) else np.zeros(X.shape[1])
        self.scale_ = np.nan_to_num(np.nanstd(X, axis=0))
        self.scale_[self.scale_ == 0] = 1.0
        self._train(self._inputs(X) | {"label": labels.astype(np.int32)})
        return self

    def predict_proba(self, X):
        """Probabilities (n, classes), in the order of `classes_`; rows sum to 1."""
        return softmax(self._ask(X)["logits"].astype(np.float64), axis=1)

    def predict(self, X):
        """Labels (n,)."""
        check_is_fitted(self, "model_")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def gates(self, X):
        """Share of every modality in the answer, (n, modalities): gates averaged over units, 0 where it is missing."""
        return self._ask(X)["gates"].mean(axis=-1)

    def _check_groups(self, columns):
        if columns < 2:
            raise ValueError(f"X has {columns} feature(s), expected two or more: a gate chooses between modalities")
        groups = self.groups or (columns - columns // 2, columns // 2)
        if len(groups) < 2 or min(groups) < 1 or sum(groups) != columns:
            raise ValueError(f"groups is {tuple(groups)}, expected two or more counts that add up to {columns} columns")
        return tuple(int(count) for count in groups)

    def _inputs(self, X):
        parts = np.split((X - self.shift_) / self.scale_, np.cumsum(self.groups_)[:-1], axis=1)
        present = np.stack([~np.isnan(part).all(axis=1) for part in parts], axis=1)
        arrays = {f"modality_{k}": np.nan_to_num(part).astype(np.float32) for k, part in enumerate(parts)}
        return arrays | {"present": present}

    def _ask(self, X):
        from training import loop

        check_is_fitted(self, "model_")
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return loop.predict(self.model_, self._inputs(X))

    def _train(self, arrays):
        import functools

        import keras

        from gmu import losses, model
        from training import loop

        keras.utils.set_random_seed(self.seed)
        shapes = {f"modality_{k}": (count,) for k, count in enumerate(self.groups_)}
        gate = "tied" if len(shapes) == 2 else "softmax"
        self.model_ = model.build(shapes=shapes, units=self.units, classes=len(self.classes_), gate=gate,
                                  experts=self.expert_weight > 0)  # fmt: skip
        objective = functools.partial(losses.compute_loss, cross_entropy="softmax", expert_weight=self.expert_weight)
        optimizer = keras.optimizers.Adam(self.learning_rate)
        loop.fit_arrays(self.model_, objective, arrays, optimizer, self.epochs, self.batch_size, self.seed)
