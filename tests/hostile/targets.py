"""What `fuzz.py` throws inputs at: each target makes one from a random generator, and checks the answer to it."""

import contextlib
import functools
import io
import json
import warnings

import numpy as np

from calibration.methods.inputs import logits_from_probabilities
from calibration.methods.temperature import fit_temperature
from calibration.metrics.binned import softmax
from calibration.report import main as report
from corrnet import cca
from data import images
from data.arrays import read_idx, read_npz
from data.pictures import read_ink, read_picture
from tests.hostile.own_targets import OWN_TARGETS
from training.settings import Settings, parse

TYPES = ("float16", "float32", "float64", "int16", "int64", "uint8", "bool", "complex64", "object", "U4")


class WrongError(Exception):
    """An answer that differs from the oracle's, or a mess left behind."""


def spoil(random, content: bytes) -> bytes:
    """Bytes cut off, changed, repeated, or replaced altogether."""
    kind, data = random.integers(5), bytearray(content)
    if kind == 0 and data:
        del data[random.integers(len(data)) :]
    elif kind == 1:
        for _ in range(random.integers(1, 20)):
            data[random.integers(len(data))] = random.integers(256)
    elif kind == 2:
        data = data + data[: random.integers(1, 50)]
    elif kind == 3:
        data = bytearray(random.bytes(random.integers(0, 200)))
    return bytes(data)


def array(random, rows=None):
    """An array of any shape, type and content that somebody may pass."""
    shape = [rows or int(random.integers(0, 9)), *random.integers(0, 5, random.integers(0, 3))]
    values = random.normal(size=shape) * 10.0 ** random.integers(-30, 30)
    if random.random() < 0.2 and values.size:
        values.flat[random.integers(values.size)] = random.choice([np.nan, np.inf, -np.inf])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return values.astype(random.choice(TYPES))


def fuzz_cca(random, folder):
    """Correlations in [-1, 1], whatever comes in; the same in other units."""
    left, right = array(random), array(random)
    if random.random() < 0.8:
        n = int(random.integers(2, 30))
        left, right = random.normal(size=(n, random.integers(1, 6))), random.normal(size=(n, random.integers(1, 6)))
        right[:, :1] += left[:, :1]
    ridge = random.choice([0, 1e-4, 1.0, -1.0, np.nan])
    fitted = cca.fit_cca(left, right, int(random.integers(1, 5)), ridge, bool(random.integers(2)))
    scores = cca.unit_correlations(*fitted.transform(left, right))
    for values in (fitted.correlations, scores):
        if not (np.abs(values) <= 1).all():
            raise WrongError(f"correlations {values}")
    unit = 10.0 ** random.integers(-6, 6)
    again = cca.fit_cca(np.asarray(left, np.float64) * unit, right, len(scores), ridge).correlations
    plain = cca.fit_cca(np.asarray(left, np.float64), right, len(scores), ridge).correlations
    if not np.allclose(again, plain, atol=1e-5):
        raise WrongError(f"units change {plain} to {again}")


def fuzz_rank(random, folder):
    """Between 0 and the number of units."""
    codes = array(random, rows=int(random.integers(2, 9)))
    if codes.ndim != 2 or codes.dtype.kind not in "fiu" or not codes.size or not np.isfinite(codes.astype(float)).all():
        raise ValueError("not codes")
    rank = cca.effective_rank(codes)
    if not 0 <= rank <= codes.shape[1] + 1e-9:
        raise WrongError(f"rank {rank} of {codes.shape[1]} units")


def fuzz_temperature(random, folder):
    """The optimum of the NLL by brute force, or a reason."""
    n, classes = int(random.integers(0, 60)), int(random.integers(1, 5))
    logits = random.normal(size=(n, classes)) * 10.0 ** random.integers(-6, 6) + 10.0 ** random.integers(-3, 6)
    labels = random.integers(-1 if random.random() < 0.1 else 0, max(1, classes), n)
    if random.random() < 0.4:
        logits = array(random)
    if random.random() < 0.2 and n:
        logits = np.round(softmax(random.normal(size=(n, classes))), random.integers(1, 4))
        labels = labels[:n]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        fit = fit_temperature(logits, labels[:, None] if random.random() < 0.3 else labels)
    if not fit.temperature > 0:
        raise WrongError(f"temperature {fit.temperature}")
    if fit.converged:
        gaps = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)

        def nll(t):
            return np.mean(np.log(np.exp(gaps / t).sum(1)) - gaps[np.arange(n), labels] / t)

        around = [nll(fit.temperature * factor) for factor in (0.9, 1.1)]
        if nll(fit.temperature) > min(around) + 1e-6 * (1 + abs(min(around))):
            raise WrongError(f"T = {fit.temperature} is not the optimum: {nll(fit.temperature)}, {around}")


def fuzz_probabilities(random, folder):
    """Whatever was rounded or clipped is recognised, and its logits give it back."""
    n, classes = int(random.integers(2, 50)), int(random.integers(2, 12))
    p, step = softmax(random.normal(size=(n, classes)) * 3), 0.0
    if random.random() < 0.5:
        decimals = int(random.integers(2, 6))
        p, step = np.round(p, decimals), 10.0**-decimals
    elif random.random() < 0.5:
        p = np.clip(p, 1e-6, 1)
    p = p.astype(random.choice(["float32", "float64"]))
    labels = np.arange(n) % classes
    with contextlib.suppress(ValueError):
        fit_temperature(p, labels)
        raise WrongError("probabilities taken for logits")
    back = softmax(logits_from_probabilities(p))
    if np.abs(back - p / p.sum(1, keepdims=True)).max() > 0.01 + classes * step / 2:
        raise WrongError("logits of probabilities give others back")


def fuzz_picture(random, folder):
    """An array in [0, 1], or a line."""
    from PIL import Image

    side = [int(s) for s in random.integers(1, 40, 2)]
    mode = random.choice(["L", "RGB", "RGBA", "LA", "1", "P", "I;16", "F", "CMYK"])
    base = Image.fromarray(random.integers(0, 256, side, dtype=np.uint8))
    picture = base.convert(mode) if mode not in ("I;16", "F") else Image.fromarray(
        np.asarray(base).astype("uint16" if mode == "I;16" else "float32"))  # fmt: skip
    suffix = random.choice([".png", ".tif", ".jpg", ".gif", ".bmp", ".webp"])
    path = folder / f"picture{suffix}"
    with contextlib.suppress(OSError, KeyError, ValueError):
        picture.save(path)
    if not path.exists():
        raise ValueError("this format has no such mode")
    spoiled = random.random() < 0.7
    if spoiled:
        path.write_bytes(spoil(random, path.read_bytes()))
    channels = int(random.choice([0, 1, 3]))
    read = read_picture(path, channels) if random.random() < 0.5 else read_ink(path, max(1, channels))
    fits = read.ndim == 3 and np.isfinite(read).all() and read.min() >= 0 and read.max() <= 1
    if not fits or not (spoiled or read.shape[:2] == tuple(side)):
        raise WrongError(f"picture of {side} read as {read.shape} in [{read.min()}, {read.max()}]")


def fuzz_arrays(random, folder):
    """Named arrays come back as they were, or a line; IDX too."""
    path = folder / "arrays.npz"
    kept = {f"x{i}": array(random) for i in range(random.integers(0, 4))}
    safe = {name: values for name, values in kept.items() if values.dtype != object}
    np.savez(path, **kept)
    if random.random() < 0.7:
        path.write_bytes(spoil(random, path.read_bytes()))
        with contextlib.suppress(ValueError):
            read_idx(path)
            raise WrongError("an .npz file read as IDX")
        read_npz(path)
    elif len(safe) == len(kept):
        for name, values in read_npz(path).items():
            np.testing.assert_array_equal(values, kept[name])


def fuzz_images(random, folder):
    """Images in [0, 1] with labels 0 to 9, or a line."""
    n = int(random.choice([20, 130, 150]))
    x = random.integers(0, 256, (n, 28, 28)).astype("uint8")
    arrays = {"x_train": x, "y_train": np.arange(n) % 10, "x_test": x[:20], "y_test": np.arange(20) % 10}
    for name in random.choice(list(arrays), random.choice([0, 0, 1, 2]), replace=False):
        arrays[name] = array(random) if random.random() < 0.6 else arrays[name].astype(random.choice(TYPES[:6]))
    np.savez(folder / "mnist.npz", **arrays)
    train = images.load("mnist", folder).train
    if not (train["image"].min() >= 0 and train["image"].max() <= 1 and train["image"].shape[1:] == (28, 28, 1)):
        raise WrongError("images out of range")


def fuzz_flags(random, folder):
    """Settings within their bounds, or a line."""
    names = (
        "epochs",
        "batch-size",
        "learning-rate",
        "seed",
        "train-examples",
        "steps-per-call",
        "data",
        "device",
        "nonsense",
    )
    values = (
        "0",
        "-1",
        "1",
        "1e400",
        "nan",
        "inf",
        "",
        "4294967296",
        "99999999999999999999999",
        "x",
        "mnist",
        "0.5",
        "--",
        "é",
    )
    flags = [
        word for _ in range(random.integers(1, 4)) for word in (f"--{random.choice(names)}", str(random.choice(values)))
    ]
    config = parse("fuzz", {"only": ("", Settings())}, flags)[1]
    if not (config.epochs >= 1 and 0 < config.learning_rate < np.inf and 0 <= config.seed < 2**32):
        raise WrongError(f"settings {config}")


def fuzz_report(random, folder):
    """`calibration.report`: strict JSON, or one line, exit code 2 and nothing written."""
    path, out = folder / "p.npz", folder / f"out{random.integers(1 << 30)}"
    n, classes = int(random.integers(1, 60)), int(random.integers(1, 5))
    content = {"logits": 3 * random.normal(size=(n, classes)), "labels": random.integers(0, max(1, classes), n)}
    if random.random() < 0.6:
        content[str(random.choice(list(content)))] = array(random)
    if random.random() < 0.2:
        content.pop(str(random.choice(list(content))))
    np.savez(path, **content)
    if random.random() < 0.3:
        path.write_bytes(spoil(random, path.read_bytes()))
    ends_well(report, [str(path), "--out", str(out), "--draws", "2"], out)
    strict = out / "p.json"
    if strict.exists():
        json.loads(strict.read_text(), parse_constant=lambda word: (_ for _ in ()).throw(WrongError(f"{word} in JSON")))


def fuzz_codec(random, folder):
    """`autoencoders.codec decompress` of damaged and foreign archives."""
    from autoencoders.codec.archive import main

    path, out = folder / "in.aez", folder / "out.npz"
    out.unlink(missing_ok=True)
    body = spoil(random, whole_archive())
    if random.random() < 0.5 and len(body) > 36:  # a right checksum over wrong content
        import hashlib

        body = body[:4] + hashlib.sha256(body[36:]).digest() + body[36:]
    path.write_bytes(body)
    ends_well(main, ["decompress", str(path), str(out)], out)


@functools.cache
def whole_archive():
    """The bytes of a small archive, for `fuzz_codec`."""
    from autoencoders import model
    from autoencoders.codec.archive import compress

    pictures = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    network = model.build(image_shape=(8, 8, 1), network="dense", widths=(4,), code=2)
    return compress(pictures, network, 0.1).to_bytes()


def ends_well(main, argv, out):
    """Runs a command in this process: a result, or exit code 2, one line on stderr, and nothing at `out`."""
    stderr, stdout = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(stdout):
            main(argv)
    except SystemExit as stop:
        lines = stderr.getvalue().strip().splitlines()
        if stop.code != 2 or len(lines) != 1 or not lines[0].startswith("error: "):
            raise WrongError(f"exit code {stop.code}, stderr {stderr.getvalue()!r}") from None
        if out.exists() and (out.is_file() or any(out.iterdir())):
            raise WrongError(f"failed and wrote {out}") from None
        raise ValueError(lines[0]) from None


TARGETS = (fuzz_cca, fuzz_rank, fuzz_temperature, fuzz_probabilities, fuzz_picture, fuzz_arrays, fuzz_images,
           fuzz_flags, fuzz_report, fuzz_codec, *OWN_TARGETS)  # fmt: skip
