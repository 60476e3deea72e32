"""Settings: one frozen dataclass is a method's configuration, its command line and its help text."""

import contextlib
import dataclasses
import io
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, TypeVar

import tyro

from common import UserError
from common.options import closest

LARGEST_SEED = 2**32 - 1  # what NumPy, Keras and Python take alike


class SettingsError(UserError):
    """A setting that cannot be used; the message says what, expected, received and how to fix it."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings that every method shares; a method's Config adds its own fields."""

    NAMED: ClassVar[tuple[str, ...]] = ("auto", "mnist", "fashion_mnist", "digits")  # data sets that have a name here
    OWN_DATA: ClassVar[bool] = True  # whether a path is taken, too

    data: str = "auto"
    """mnist, fashion_mnist, digits, auto (MNIST where it can be had, otherwise digits, labelled so), or a path: a
    folder of pictures with a subfolder per class, an .npz, .npy or IDX file, or a table where the method takes it."""
    data_dir: str | None = None
    """Folder with the .npz files of data with a name; default: $RESEARCH_DATA_DIR, Keras' cache, a checked download."""
    image_size: tuple[int, int] | None = None
    """Height and width that own pictures of several sizes are fitted into."""
    class_names: str | None = None
    """Text file with the names of the classes of own pictures, one per line."""
    train_examples: int = 0
    """Train on this many images, drawn class by class; 0 is all."""
    held_examples: int = 0
    """Validate on this many images and test on as many, for quick runs; 0 is all."""
    epochs: int = 10
    """Passes over the training split (>= 1)."""
    batch_size: int = 128
    """Examples per optimizer step, over all devices (>= 1)."""
    shuffle: bool = True
    """Train on the examples in a new order every epoch; off: in the order of the data, the same every epoch."""
    learning_rate: float = 1e-3
    """Step size of the optimizer (> 0)."""
    seed: int = 0
    """Seed of initial weights, order of batches and noise (>= 0)."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute; auto is the GPU when there is one."""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Keras precision policy; mixed_float16 scales the loss."""
    jit: bool = False
    """Compile the train step with XLA."""
    strategy: Literal["none", "mirrored", "multiworker"] = "none"
    """tf.distribute strategy: all GPUs of this machine, or the workers of TF_CONFIG."""
    steps_per_call: int = 100
    """Optimizer steps inside the graph per call from Python (>= 1)."""
    runs_dir: str = "runs"
    """Folder of all runs; this one is <runs_dir>/<method>/<variant>/<data>/seed<seed>."""
    tag: str = ""
    """Added to the variant's name in the folder, to keep a run with other flags apart."""
    tensorboard: bool = False
    """Also write the scalars of every epoch for TensorBoard (needs the package tensorboard) into the run's folder."""
    resume: bool = False
    """Go on from the last checkpoint, if there is one."""
    overwrite: bool = False
    """Delete an existing run of the same name first."""

    def __post_init__(self):
        check_finite_numbers(self)
        check_data(self)
        check_at_least(self, epochs=1, batch_size=1, seed=0, steps_per_call=1, train_examples=0, held_examples=0)
        check(self.seed <= LARGEST_SEED, "seed", f"at most {LARGEST_SEED} (32 bits)", self.seed)
        check(self.learning_rate > 0, "learning_rate", "> 0", self.learning_rate)
        check(re.fullmatch(r"[\w.-]*", self.tag), "tag", "letters, digits, '_', '-' and '.' only", self.tag)
        check(not (self.resume and self.overwrite), "resume and overwrite", "one of the two", "both")

    def total_steps(self, examples: int) -> int:
        """Training steps of all epochs on so many examples; the last batch of an epoch may be smaller."""
        return self.epochs * -(-examples // self.batch_size)

    def fixed_length(self) -> str:
        """Why a run cannot be made longer later, as the subject of "... over 10 epochs"; "" where it can."""
        return ""

    @property
    def reductions(self) -> dict[str, Any]:
        """How many images to keep, as `data.images.load` and `run_name` take it."""
        return {"train_examples": self.train_examples, "held_examples": self.held_examples}

    @property
    def loading(self) -> dict[str, Any]:
        """What `data.images.load` takes beside the name: where the data lie, and what is kept of them."""
        own = {"image_size": self.image_size, "names_file": self.class_names}
        return {"data_dir": self.data_dir, "floats": False, **self.reductions, **own}

    def as_json(self) -> dict[str, Any]:
        """All settings as a JSON file gives them back: its tuples are lists."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


# Settings that may differ between a run and its resumption: where and how long, not what is computed.
OPERATIONAL = {
    "data_dir", "class_names", "epochs", "device", "steps_per_call", "runs_dir", "tag", "resume", "overwrite",
    "strategy", "tensorboard",
}  # fmt: skip

Config = TypeVar("Config", bound=Settings)
Variants = dict[str, tuple[str, Config]]


def check(condition: object, name: str, expected: str, received: object) -> None:
    """Raises SettingsError naming the flag unless `condition` holds."""
    if not condition:
        raise SettingsError(f"--{name.replace('_', '-')} must be {expected}, received {received}")


def check_data(settings: "Settings") -> None:
    """Raises SettingsError unless `data` is the name of a data set or an existing path."""
    names = list(settings.NAMED)
    if settings.data not in names and not (settings.OWN_DATA and Path(settings.data).exists()):
        kinds = f"one of {', '.join(names)}" if len(names) > 1 else names[0]
        kinds += ", or the path of a file or folder that exists" if settings.OWN_DATA else ""
        check(False, "data", kinds, f"'{settings.data}'{closest(settings.data, names)}")
    size = settings.image_size
    check(size is None or min(size) >= 1, "image_size", "at least 1 x 1", size)


def check_finite_numbers(settings: Any) -> None:
    """Raises SettingsError naming the first field that holds NaN, an infinity, or a whole number beyond 64 bits."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float):
                check(math.isfinite(number), field.name, "a finite number", number)
            elif isinstance(number, int):
                check(abs(number) < 2**63, field.name, "a number of at most 64 bits", number)


def check_at_least(settings: object, **lowest: float) -> None:
    """Raises SettingsError unless each named field is at least the given value."""
    for name, bound in lowest.items():
        value = getattr(settings, name)
        check(value >= bound, name, f"at least {bound}", value)


def parse(prog: str, variants: Variants, argv: list[str]) -> tuple[str, Config]:
    """Reads `[variant] [--flags]`: the variant's Config with the flags laid over it.

    Without a variant the first one is used. Exits 0 after --help, 2 with one line on bad input.
    """
    names = list(variants)
    variant, flags = names[0], list(argv)
    if flags and not flags[0].startswith("-"):
        variant = flags.pop(0)
    if variant not in variants:
        raise SettingsError(f"unknown variant '{variant}'{closest(variant, names)}, expected one of {', '.join(names)}")
    default = variants[variant][1]
    lines = [f"  {name:<14} {text}" for name, (text, _) in variants.items()]
    description = f"Variant: {variant}. The first word selects another one:\n" + "\n".join(lines)
    return variant, run_cli(type(default), prog, flags, default=default, description=description)


def run_cli(options: type, prog: str, argv: list[str], **more):
    """`tyro.cli`, with its bordered error messages turned into SettingsError of one line."""
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return tyro.cli(options, prog=prog, args=argv, **more)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise SettingsError(one_line(errors.getvalue())) from None


def one_line(box: str) -> str:
    """The text of a bordered message as one line, without its border and its pointer to --help."""
    text = re.sub(r"[\u2500-\u257f]+", " ", re.sub(r"\x1b\[[\d;]*m", "", box))
    text = re.sub(r"For full helptext.*", "(see --help)", text.replace("\n", " "), flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text).strip()
    # The message's title, where the text that follows says it again.
    return re.sub(r"^(Unrecognized options (?=Unrec)|Value error (Error parsing [A-Z]\w*: )?)", "", text)


@contextlib.contextmanager
def one_line_errors(*more: type[Exception]):
    """The boundary of a command: what its user can mend ends as one line on stderr and exit code 2.

    Args:
        more: further exceptions that are the user's to mend here, for example OSError where files are named.
            All others keep their traceback: they are bugs.
    """
    try:
        yield
    except (UserError, *more) as error:  # type: ignore[misc]
        if isinstance(error, BrokenPipeError):
            end_of_pipe()
        fail(error, 2)
    except BrokenPipeError:
        end_of_pipe()


def end_of_pipe() -> NoReturn:
    """Ends quietly when whoever reads our output has gone, as `head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more is written at the interpreter's end
    raise SystemExit(128 + 13)


def fail(error: BaseException, code: int) -> NoReturn:
    """Prints one line to stderr and exits with `code`."""
    message = re.sub(r"\s+", " ", str(error)) or type(error).__name__
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)
