"""The gallery: an entry for every figure that a document describes, small pictures with captions, links that hold."""

import re
from pathlib import Path

import pytest

from commands.gallery import MOST_BYTES
from reporting import gallery

ROOT = Path(__file__).resolve().parents[2]
# What the documents show or describe as a figure, in their order; the entry that is our counterpart.
DESCRIBED = {
    "gmu": ["the unit", "the generating graph", "the scatter of the data", "the loss curve", "gate and prediction"],
    "corrnet": ["the abstract view", "the architecture", "the loss"],
    "corrmcnn": ["Fig. 1, the overview", "strips of digit pairs"],
    "capsnet": ["the architecture", "squashing", "the routing algorithm", "reconstructed digits"],
    "compression": ["digits from the decoder"],
    "sparse": ["activations"],
    "subpixel": ["convolution, transposed and zero-inserted", "the periodic shuffle", "digits rebuilt"],
    "calibration": ["LeNet beside ResNet", "temperature scaling"],
    "densenet": ["the dense connections", "blocks and transitions"],
    "variational": ["digits from the sampled distribution"],
    "denoising": ["noisy and restored digits"],
    "autoencoders": ["originals above reconstructions"],
}
COUNTERPART = {
    "the unit": "gmu-unit", "the generating graph": "gmu-graph", "the scatter of the data": "gmu-data",
    "the loss curve": "gmu-loss", "gate and prediction": "gmu-maps",
    "the abstract view": "corrnet-view", "the architecture": "architecture", "the loss": "corrnet-loss",
    "Fig. 1, the overview": "corrmcnn-architecture", "strips of digit pairs": "corrmcnn-strips",
    "squashing": "capsnet-squash", "the routing algorithm": "capsnet-routing",
    "reconstructed digits": "capsnet-reconstructions", "digits from the decoder": "compression-decoded",
    "activations": "sparse-activations", "convolution, transposed and zero-inserted": "subpixel-convolutions",
    "the periodic shuffle": "subpixel-shuffle", "digits rebuilt": "subpixel-digits",
    "LeNet beside ResNet": "calibration-reliability", "temperature scaling": "calibration-temperature",
    "the dense connections": "densenet-connectivity", "blocks and transitions": "densenet-blocks",
    "digits from the sampled distribution": "variational-samples",
    "noisy and restored digits": "denoising-digits", "originals above reconstructions": "autoencoders-digits",
}  # fmt: skip
ENTRIES = {entry.id: entry for document in gallery.read() for entry in document.entries}


@pytest.mark.parametrize("document", DESCRIBED)
def test_every_figure_that_a_document_describes_has_an_entry(document):
    for figure in DESCRIBED[document]:
        wanted = COUNTERPART[figure]
        assert (f"{document}-{wanted}" if wanted == "architecture" else wanted) in ENTRIES, figure


@pytest.mark.parametrize("name", ENTRIES)
def test_pictures_are_small_and_say_what_they_show(name):
    entry = ENTRIES[name]
    assert entry.agrees in gallery.AGREES and entry.shows.endswith(".") and entry.ours.endswith(".")
    assert entry.path.stat().st_size <= MOST_BYTES
    assert entry.agrees == "drawing" or re.search(r"seed|made-up|computed|layers|numbers", entry.caption), entry.caption
    method, *_ = entry.picture.split()[1].split("/")
    assert (ROOT / method).is_dir()


def test_the_page_is_made_of_the_entries_and_all_pictures_are_used():
    assert (gallery.DOCS / "gallery.md").read_text() == "\n".join(gallery.markdown(gallery.read()))
    pictures = {path.stem for path in (gallery.DOCS / "gallery").glob("*.png")}
    assert pictures == set(ENTRIES)
    assert sum(path.stat().st_size for path in gallery.DOCS.rglob("*.png")) <= 8 << 20


def test_links_of_the_pages_hold():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)  # code has brackets of its own
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", text):
            assert (page.parent / target).exists(), f"{page}: {target}"
