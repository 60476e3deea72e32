"""The Compression post step by step, with a text file: `python -m autoencoders.studies.text_file`.

What our own format does with the same images stands in `autoencoders.codec`.
"""

import dataclasses

import numpy as np

from autoencoders.config import Config, make_objective
from autoencoders.train import VARIANTS as TRAINED
from autoencoders.train import load, make_optimizer
from commands.train import main
from data.dataset import Dataset, as_bytes
from training.run import Run
from training.settings import Variants

PLAIN = dataclasses.replace(TRAINED["plain"][1], archive=False, probe=False)
VARIANTS: Variants = {
    "text_file": ("the Compression post: text file, decoder.json and its weights", PLAIN),
}


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, writes codes.txt, decoder.json and decoder.weights.h5, reads them back and compares."""
    from autoencoders import model
    from training import loop

    network = model.build(image_shape=dataset.train["image"].shape[1:], code=config.code)
    optimizer = make_optimizer(config, dataset.counts()["train"])
    history = loop.fit(network, make_objective(config), dataset, config, run, optimizer)
    metrics = keep_as_text(network, dataset, run)
    run.finish(None, metrics, dataset.counts(), history)


def keep_as_text(network, dataset: Dataset, run: Run) -> dict[str, float]:
    """The post's steps on all images that are not test images.

    Returns:
        Sizes in megabytes (10^6 bytes) of the codes' text, of the decoder and of the raw images; `file/psnr_db` of what
        comes back; `file/largest_difference` of its pixels from the same codes decoded without any file.
    """
    import keras

    from autoencoders import evaluate

    images = np.concatenate([as_bytes(split["image"]) for split in (dataset.train, dataset.validation)])
    codes = evaluate.in_batches(network.encode, images)
    text, drawing, weights = (run.path / name for name in ("codes.txt", "decoder.json", "decoder.weights.h5"))
    np.savetxt(text, codes, fmt="%f")
    drawing.write_text(network.decoder.to_json())
    network.decoder.save_weights(weights)

    decoder = keras.models.model_from_json(drawing.read_text())
    decoder.load_weights(weights)
    read = np.loadtxt(text, dtype=np.float32, ndmin=2)
    back = evaluate.in_batches(lambda part: keras.ops.sigmoid(decoder(part, training=False)), read)
    direct = evaluate.in_batches(network.decode, codes)
    return {
        "file/text_megabytes": text.stat().st_size / 1e6,
        "file/decoder_megabytes": (drawing.stat().st_size + weights.stat().st_size) / 1e6,
        "file/raw_megabytes": images.nbytes / 1e6,
        "file/psnr_db": evaluate.psnr_of(back, images / np.float32(255)),
        "file/largest_difference": float(np.abs(back - direct).max()),
    }


if __name__ == "__main__":
    main("autoencoders.studies.text_file", VARIANTS, load, train)
