"""Saved Keras models, read in safe mode."""

from pathlib import Path
from typing import Any

from common import reason_of
from training.run import RunError


def load_keras(path: Path) -> Any:
    """A `.keras` file, loaded in safe mode and uncompiled.

    Raises:
        RunError: no file, no model, or one that is damaged or unsafe; the message names it.
    """
    from training.quiet import load_tensorflow

    load_tensorflow()
    import keras

    if not path.is_file():
        raise RunError(f"{path} does not exist, expected a model saved by keras; check the path")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what its parts do: ValueError, KeyError, OSError, TypeError, BadZipFile
        reason = reason_of(error)
        raise RunError(f"{path} cannot be loaded as a model in safe mode ({reason}); train or save it again") from None
