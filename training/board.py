"""The scalars of metrics.csv for TensorBoard: `tensorboard --logdir runs`."""

from pathlib import Path

from training.settings import SettingsError


class Board:
    """Writes `<run>/tensorboard`, one event file per start of the run.

    Args:
        path: of the run.
        history: epochs that were run before; they are written again only into a folder without any events.
    """

    def __init__(self, path: Path, history: list[dict[str, float]]):
        try:
            import tensorboard  # noqa: F401  (what tf.summary needs)
        except ImportError:
            raise SettingsError(
                "--tensorboard needs the package tensorboard, which is not installed; pip install tensorboard"
            ) from None
        import tensorflow as tf

        folder = path / "tensorboard"
        new = not folder.exists()
        self.scalar, self.writer = tf.summary.scalar, tf.summary.create_file_writer(str(folder))
        for row in history if new else ():
            self.write(row)

    def write(self, row: dict[str, float]) -> None:
        """The losses and seconds of one epoch, at the step of its number."""
        with self.writer.as_default(step=int(row["epoch"])):
            for name, value in row.items():
                if name != "epoch":
                    self.scalar(name, value)
        self.writer.flush()
