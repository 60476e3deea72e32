"""TensorFlow's import without its start-up notes, which no setting silences: imported by every method's package."""

import contextlib
import importlib.abc
import importlib.util
import os
import sys
import warnings


@contextlib.contextmanager
def quiet_start():
    """Keeps what C++ libraries write to stderr off it; Python errors still show."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    shown = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(shown, 2)
        os.close(shown)


@contextlib.contextmanager
def solver(name: str, iterations: int, advice: str):
    """Turns scikit-learn's ConvergenceWarning inside the block into a line of ours on stderr; others pass.

    Args:
        name: what did not settle.
        iterations: after how many it stopped.
        advice: what to do about it.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        print(f"note: {name} had not settled after {iterations} iterations; {advice}", file=sys.stderr)


def load_tensorflow():
    """TensorFlow, imported and its devices looked for without a note on stderr; for commands, at their start."""
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"  # the words, not where they stand
    with quiet_start():
        import tensorflow as tf

        tf.config.list_physical_devices()
    return tf


class QuietImport(importlib.abc.MetaPathFinder):
    """Runs the first import of TensorFlow, whoever asks for it, within `quiet_start`; then it is gone."""

    def find_spec(self, name, path, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                with quiet_start():
                    run(module)

            spec.loader.exec_module = exec_module
        return spec


if "tensorflow" not in sys.modules and not any(isinstance(finder, QuietImport) for finder in sys.meta_path):
    sys.meta_path.insert(0, QuietImport())
