"""Codes, rebuilt and restored pictures, samples: `python -m autoencoders.predict RUN PICTURE... [--samples 12]`."""

import dataclasses

import numpy as np

from commands.predict import Answer, Ask, Asked, main, read_inputs
from common import UserError
from training.settings import check_at_least


@dataclasses.dataclass(frozen=True)
class AskCodes(Ask):
    """Encodes pictures and draws them again; a variational autoencoder draws new ones, too."""

    samples: int = 0
    """New pictures to draw from the prior of a variational autoencoder (>= 0)."""
    seed: int = 0
    """Of those draws (>= 0)."""

    def __post_init__(self):
        check_at_least(self, samples=0, seed=0)


def read(run, options: AskCodes):
    """Pictures; none are needed where new ones are drawn."""
    if options.samples and run.config["settings"]["kind"] != "gaussian":
        raise UserError(f"{run.path} is no variational autoencoder, expected one with --samples; train variational")
    return read_inputs(run, options) if options.inputs else ([], None)


def answer(network, asked: Asked) -> Answer:
    """Mean squared error and PSNR of every rebuilt picture (a denoised one differs from its input on purpose)."""
    from autoencoders.evaluate import in_batches

    rows, arrays, settings = [], {}, asked.run.config["settings"]
    word = "rebuilt" if settings["corruption"] == "none" else "restored"
    if asked.inputs is not None:
        arrays[word] = in_batches(network.reconstruct, asked.inputs)
        if settings["network"] != "unet":  # which has no code
            arrays["code"] = in_batches(network.encode, asked.inputs)
        errors = np.mean((arrays[word] - asked.inputs) ** 2, axis=(1, 2, 3))
        for k, name in enumerate(asked.names):
            psnr = float(-10 * np.log10(max(errors[k], 1e-12)))
            rows.append({"picture": name, "squared error": f"{errors[k]:.5f}", "PSNR, dB": f"{psnr:.2f}"})
            if "code" in arrays:
                rows[-1]["code"] = " ".join(f"{number:.2f}" for number in arrays["code"][k][:5])
    if asked.options.samples:
        arrays["samples"] = np.asarray(network.sample(asked.options.samples, seed=asked.options.seed))
        rows += [{"picture": f"sample {k + 1}"} for k in range(asked.options.samples)]
    return Answer(rows, arrays, lambda: draw(asked, arrays, word))


def draw(asked: Asked, arrays, word: str):
    """The first pictures above what comes back, and the samples."""
    from reporting import plots

    rows = {}
    if asked.inputs is not None:
        rows = {"picture": asked.inputs[:12], word: arrays[word][:12]}
    for first in range(0, asked.options.samples, 12):
        part = arrays["samples"][first : first + 12]
        rows[f"samples {first + 1}-{first + len(part)}"] = part
    return plots.caption(plots.image_rows(rows), f"{plots.describe(asked.run)}.")


if __name__ == "__main__":
    main("autoencoders", AskCodes, answer, read)
