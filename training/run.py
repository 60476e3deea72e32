"""A run is a folder: config, environment, metrics, result, model, checkpoints, figures. All files atomic."""

import csv
import dataclasses
import datetime
import io
import json
import math
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from common import UserError
from training import lock
from training.environment import machine
from training.settings import OPERATIONAL, Settings

SCHEMA = 1
KEPT_CHECKPOINTS = 2


class RunError(UserError):
    """A run folder that cannot be used as asked; the message says how to go on."""


def write_atomic(path: Path, content: bytes | memoryview | str | Callable[[IO[bytes]], None]) -> None:
    """Writes `content`, or what it writes to a file, so that `path` appears whole or not at all, also when killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            data = content.encode() if isinstance(content, str) else content
            data(file) if callable(data) else file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented strict JSON, atomically; NumPy becomes plain, a number that is not finite null."""
    plain = json.loads(json.dumps(value, default=lambda item: item.tolist()), parse_constant=lambda name: None)
    write_atomic(path, json.dumps(plain, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Content of a JSON file; RunError when it is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error})") from None


def as_numbers(value: Any) -> Any:
    """`value` with NaN for every null in it, as JSON has no other word for it."""
    if isinstance(value, dict):
        return {key: as_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_numbers(item) for item in value]
    return math.nan if value is None else value


class TrainingError(RuntimeError):
    """Training cannot go on; the message names step and loss term."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One run's folder, `<runs_dir>/<method>/<variant>/<data>/seed<k>`."""

    path: Path

    @classmethod
    def at(cls, method: str, variant: str, config: Settings, data: str) -> "Run":
        """The run of these settings, whether it exists or not."""
        name = variant + (f"@{config.tag}" if config.tag else "")
        return cls(Path(config.runs_dir) / method / name / data / f"seed{config.seed}")

    @classmethod
    def open(cls, method: str, variant: str, config: Settings, data: str, checksum: str = "") -> "Run":
        """Prepares the folder of a new, resumed, extended or overwritten run.

        Args:
            method, variant, config, data: what the folder is called after.
            checksum: of the data; a run goes on with the same data only.

        Raises:
            RunError: the run exists and neither --resume nor --overwrite was given, or a setting that
                shapes the model or its training differs from the one the run was started with, or the data have
                changed since, or another process trains into the same folder.
        """
        run = cls.at(method, variant, config, data)
        name = run.path.parents[1].name
        run.check_data(config, checksum)
        if run.path.exists():
            run.hold()
            for part in run.path.rglob(".*.part*"):  # of a process that was killed while it wrote
                part.unlink(missing_ok=True)
            if config.overwrite:
                shutil.rmtree(run.path)
        if run.finished or run.checkpoints():
            run.check_resumable(config)
            if run.finished and config.epochs > run.epochs_asked(config):
                (run.path / "result.json").unlink()  # it goes on: not finished any more
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            run.hold()
            record = {"schema": SCHEMA, "method": method, "variant": name, "data": data}
            if not run.finished:
                write_json(run.path / "config.json", {**record, "settings": dataclasses.asdict(config)})
        except OSError as error:
            raise RunError(f"cannot write to {run.path} ({error}); choose another --runs-dir") from None
        return run

    def hold(self) -> None:
        """Keeps other processes from training into this folder while this one lives."""
        if not lock.hold(self.path):
            raise RunError(f"{self.path} is being trained by another process; wait for it, or use another --tag")

    def beside(self, variant: str) -> "Run":
        """The run of another variant on the same data with the same seed, whether it exists or not."""
        return Run(self.path.parents[2] / variant / self.path.parent.name / self.path.name)

    def check_resumable(self, config: Settings) -> None:
        """Raises RunError unless this existing run may go on with `config`."""
        if not config.resume:
            state = "is finished" if self.finished else "has begun"
            raise RunError(f"{self.path} {state}; add --resume to go on or --overwrite to start again")
        before = self.epochs_asked(config)
        epochs = before if self.finished else self.epochs_saved()
        if epochs > config.epochs:
            raise RunError(
                f"{self.path} has {epochs} epochs already, --epochs is {config.epochs}; ask for at least {epochs}"
            )
        reason = (
            "it has no checkpoint to go on from, and was computed" if not self.checkpoints() else config.fixed_length()
        )
        if before != config.epochs and reason:
            raise RunError(
                f"{self.path} cannot be made {config.epochs} epochs long: {reason} over {before} epochs; resume with "
                f"--epochs {before}, or start again with another --tag"
            )
        for name, before, now in self.changed(config):
            raise RunError(
                f"--{name.replace('_', '-')} was {before} when {self.path} was started, received {now}; resume with "
                "the same value, use --overwrite, or another --tag"
            )

    def changed(self, config: Settings) -> list[tuple[str, Any, Any]]:
        """Settings other than epochs that shape a model or its training and differ: (name, the run's, in `config`)."""
        newest = (type(config)(), config)  # the defaults stand for settings that are newer than the run
        defaults, asked = (settings.as_json() for settings in newest)
        started = defaults | self.config["settings"]
        names = sorted((started.keys() | asked.keys()) - OPERATIONAL)
        return [(name, started.get(name), asked.get(name)) for name in names if started.get(name) != asked.get(name)]

    def answers(self, config: Settings) -> bool:
        """Whether it is finished and was made with just these settings."""
        return self.finished and self.epochs_asked(config) == config.epochs and not self.changed(config)

    def epochs_asked(self, config: Settings) -> int:
        """Epochs that the run was to have; those of `config` where it does not say."""
        return self.config["settings"].get("epochs", config.epochs)

    def check_data(self, config: Settings, checksum: str) -> None:
        """Raises RunError where a run to be resumed was started on other content of the same data."""
        if not config.resume or self.finished:
            return
        stem, dash, content = self.path.parent.name.partition("-")
        begun = [self] if self.checkpoints() else []
        if dash and not begun:  # own data: other content has another folder
            found = sorted(self.path.parents[1].glob(f"{stem}-*/{self.path.name}"))
            begun = [Run(path) for path in found if path.parent.name[len(stem) + 9 :] == content[8:]]
            begun = [run for run in begun if run.checkpoints() and not run.finished and run.path != self.path]
        for run in begun:
            known = run.environment if (run.path / "environment.json").exists() else {"data": {}}
            before = known["data"].get("checksum", checksum)
            if checksum and before != checksum:
                raise RunError(
                    f"{run.path} was begun on other content of {config.data} (checksum {before[:8]}, now "
                    f"{checksum[:8]}); give the same data, or leave --resume out to start a new run"
                )

    @property
    def config(self) -> dict:
        """Method, variant, data name and settings."""
        config = read_json(self.path / "config.json")
        if not isinstance(config, dict) or config.get("schema") != SCHEMA:
            raise RunError(f"{self.path}/config.json has another schema, expected {SCHEMA}; run it again")
        return config

    @property
    def environment(self) -> dict:
        """Versions, device, commit, data provenance, command."""
        return read_json(self.path / "environment.json")

    @property
    def finished(self) -> bool:
        """Whether the test split has been evaluated and the result written."""
        return (self.path / "result.json").exists()

    @property
    def has_model(self) -> bool:
        """Whether it left a network; some studies have none."""
        return (self.path / "model.keras").exists()

    @property
    def result(self) -> dict:
        """Metrics, counts, parameters and seconds of a finished run; a metric without a value is NaN."""
        result = read_json(self.path / "result.json")
        return {**result, "metrics": as_numbers(result["metrics"])}

    def write_environment(self, dataset, device: str) -> None:
        """Records what this run can be repeated with."""
        data = {"name": dataset.name, "title": dataset.title, **dataset.provenance}
        write_json(self.path / "environment.json", {**machine(), "device": device, "data": data})

    def write_metrics(self, history: list[dict]) -> None:
        """Rewrites metrics.csv: one line per epoch."""
        names = list(dict.fromkeys(name for row in history for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_atomic(self.path / "metrics.csv", text.getvalue())

    def metrics(self) -> list[dict[str, float]]:
        """The rows of metrics.csv as numbers; a missing cell is NaN."""
        with open(self.path / "metrics.csv", newline="") as file:
            return [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]

    def save_checkpoint(self, state: list[np.ndarray], history: list[dict]) -> None:
        """Saves the state after `len(history)` epochs; the newest two checkpoints are kept."""
        arrays: dict[str, Any] = {f"{i:05d}": value for i, value in enumerate(state)}
        arrays["note"] = np.frombuffer(json.dumps({"history": history}).encode(), np.uint8)
        (self.path / "checkpoint").mkdir(exist_ok=True)  # fails where the run has been moved away: it is not begun anew
        write_atomic(self.path / "checkpoint" / f"epoch-{len(history):05d}.npz", lambda file: np.savez(file, **arrays))
        for old in self.checkpoints()[:-KEPT_CHECKPOINTS]:
            old.unlink()

    def checkpoints(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return sorted((self.path / "checkpoint").glob("epoch-*.npz"))

    def epochs_saved(self) -> int:
        """How many epochs the newest checkpoint has seen, by its name; 0 without one."""
        return max((int(path.stem.removeprefix("epoch-")) for path in self.checkpoints()), default=0)

    def load_checkpoint(self) -> tuple[list[np.ndarray], list[dict]] | None:
        """State and history of the newest readable checkpoint; None when there is none."""
        for path in reversed(self.checkpoints()):
            try:
                with np.load(path, allow_pickle=False) as archive:
                    note = json.loads(archive["note"].tobytes())
                    names = sorted(name for name in archive.files if name != "note")
                    return [archive[name] for name in names], note["history"]
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                print(f"warning: {path} is damaged ({error}); trying the one before", file=sys.stderr)
        return None

    def finish(self, model, metrics: dict[str, float], counts: dict, history: list[dict]) -> None:
        """Writes model.keras, then result.json, whose presence means that the run is finished."""
        parameters = 0
        if model is not None:
            part = self.path / ".model.part.keras"
            model.save(part)
            part.replace(self.path / "model.keras")
            parameters = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        record = {
            "schema": SCHEMA,
            "metrics": metrics,
            "counts": counts,
            "parameters": parameters,
            "epochs": len(history),
            "seconds": round(sum(row["seconds"] for row in history), 3),
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        write_json(self.path / "result.json", record)

    def load_model(self):
        """The trained Keras model, loaded in safe mode; the method's layers are registered by import."""
        import importlib

        from training.saved import load_keras

        importlib.import_module(f"{self.config['method']}.model")
        return load_keras(self.path / "model.keras")
