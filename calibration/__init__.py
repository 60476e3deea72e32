"""Calibration of classifiers after Guo et al. 2017: measure it, explain it, repair it.

The numerical half (`temperature`, `methods`, `estimators`, `smooth`, `uncertainty`, `report`) is NumPy, SciPy and
scikit-learn only, so that saved logits can be calibrated without starting TensorFlow. The Keras half is
`model`, `losses` and `train`.
"""

import training.quiet  # noqa: F401  (before anything imports TensorFlow)
