"""`python -m <method>.train`: reads the flags, loads the data, then TensorFlow, trains and writes the run."""

import dataclasses
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands import conclude
from data.dataset import Dataset
from training.progress import phase
from training.run import Run, TrainingError
from training.settings import Settings, Variants, fail, one_line_errors, parse

Load = Callable[[Any], Dataset]  # of the method's Config
Train = Callable[[Any, Dataset, Run], None]


def main(module: str, variants: Variants, load: Load, train: Train, argv: list[str] | None = None) -> None:
    """The command line of a module `<method>.<name>`.

    Args:
        module: for example "gmu.train".
        variants: name -> (one line that says what changes, Config).
        load: `load(config) -> Dataset`, without TensorFlow.
        train: `train(config, dataset, run)`; ends with `run.finish(...)`.
        argv: arguments; default sys.argv[1:].

    Exits with 0, or after one line on stderr with 2 (settings, data), 1 (run-time) or 130 (Ctrl-C).
    """
    argv = sys.argv[1:] if argv is None else argv
    with one_line_errors():
        variant, config = parse(f"python -m {module}", variants, argv)
        dataset = load(config)
        run = open_run(module, variant, config, dataset)
        if run.finished:
            print(f"{run.path} is already finished; its figures are drawn again.")
            draw_figures(module, run)
            return
        again = shlex.join([*(word for word in argv if word != "--overwrite"), "--resume"])
        try:
            execute(config, dataset, run, train)
            with phase("drawing figures"):
                figures = draw_figures(module, run)
        except KeyboardInterrupt:
            print(f"\ninterrupted; every finished epoch is saved. Go on with: python -m {module} {again}")
            raise SystemExit(130) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            fail(OSError(f"{error}; mend this, then go on with: python -m {module} {again}"), 1)
        except TrainingError as error:
            fail(error, 1)
    print("\n".join(conclude.lines(module, variants, run, dataset, figures)))


def open_run(module: str, variant: str, config: Settings, dataset: Dataset) -> Run:
    """The run's folder; workers of a cluster other than the first write into a temporary one."""
    from training.device import is_chief

    method = module.partition(".")[0]
    if not is_chief():
        config = dataclasses.replace(config, runs_dir=tempfile.mkdtemp(), resume=False)
    return Run.open(method, variant, config, dataset.name, dataset.provenance["checksum"])


def execute(config: Settings, dataset: Dataset, run: Run, train: Train) -> None:
    """Sets up device and seed, then trains in the strategy's scope."""
    from training import device

    strategy, line = device.configure(config)
    print(f"{run.path}: {dataset.title}, {line}")
    run.write_environment(dataset, line)
    import keras

    keras.utils.set_random_seed(config.seed)  # before the model is built
    with strategy.scope():
        train(config, dataset, run)


def draw_figures(module: str, run: Run) -> list[Path]:
    """Draws the method's figures that fit the run into its folder; returns their paths."""
    from reporting import plots
    from reporting.methods import figures_of

    figures, _ = figures_of(module.partition(".")[0])
    return plots.draw(run, figures)
