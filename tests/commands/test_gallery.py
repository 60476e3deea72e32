"""The gallery: an entry for every figure that a document describes, small pictures with captions, links that hold."""

import io
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

import compare
from commands.gallery import MOST_BYTES, fresh
from commands.jobs import Task
from reporting import gallery, plots, side_by_side
from tests.test_page_commands import one_by_one
from training.run import Run, write_atomic, write_json
from training.settings import run_cli

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


def test_a_figure_of_a_run_is_drawn_now_not_taken_as_its_end_left_it(tmp_path, monkeypatch):
    run = Run(tmp_path / "gmu/one/synthetic/seed0")
    entry = gallery.Entry("x", "", "", "yes", "run gmu/one/synthetic/seed0 figure")
    write_atomic(run.path / "figures" / "figure.png", b"old")
    assert fresh(entry, tmp_path) is None  # not finished
    write_json(run.path / "result.json", {})
    monkeypatch.setattr("commands.gallery.figures_of", lambda method: ({"figure": drawn}, ()))
    png = Image.open(io.BytesIO(fresh(entry, tmp_path)))
    assert png.info["Description"] == f"gmu, {run.path}"


def drawn(run):
    return plots.caption(plots.plt.figure(), f"gmu, {run.path}")


def test_figures_that_compare_runs_are_drawn_again_for_the_first_seed_of_each_variant(tmp_path, monkeypatch):
    runs = [Run(tmp_path / f"gmu/{variant}/synthetic/seed{seed}") for variant in "ab" for seed in range(2)]
    monkeypatch.setattr("reporting.side_by_side.figures_of", lambda method: ({"x": drawn, "y": drawn}, ("y",)))
    side_by_side.redraw("gmu", runs)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert found == ["gmu/a/synthetic/seed0/figures/y.png", "gmu/b/synthetic/seed0/figures/y.png"]


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.picture.startswith("run ")])
def test_the_printed_command_makes_the_run_of_the_picture(name):
    entry = ENTRIES[name]
    assert Run(Path("runs") / entry.picture.split()[1]).path in set(runs_of(entry.how)), entry.how


def runs_of(line):
    """Paths of the runs that a line of bash makes."""
    for command in one_by_one(line):
        words = shlex.split(command)
        if words[:2] == ["python", "-m"]:
            yield Task(words[2], words[3:]).run.path
        elif words[:2] == ["python", "compare.py"]:
            flags, _, more = command.removeprefix("python compare.py ").partition(" -- ")
            options = run_cli(compare.Compare, "compare.py", shlex.split(flags))
            chosen = compare.choose([compare.find_module(method) for method in options.methods], options.variants)
            yield from (task.run.path for task in compare.make_tasks(chosen, options, tuple(shlex.split(more))))


def test_links_of_the_pages_hold():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)  # code has brackets of its own
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", text):
            assert (page.parent / target).exists(), f"{page}: {target}"
