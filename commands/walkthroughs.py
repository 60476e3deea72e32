"""`python -m commands.walkthroughs [topic ...]`: runs docs/<topic>.py and publishes it, with what it prints and draws.

One source per part of a document, in cells (`# %%`), becomes docs/<topic>.ipynb and docs/<topic>.md, its pictures in
docs/<topic>_files. Needs requirements-dev.txt. `make walkthroughs` only runs them.
"""

import base64
import dataclasses
import os
import re
import sys
from pathlib import Path

import nbformat
import tyro

from commands.gallery import small
from reporting.gallery import DOCS
from training.run import write_atomic
from training.settings import SettingsError, one_line_errors, run_cli

SECONDS = 600  # until a cell counts as stuck
PYTHON = {"display_name": "Python 3", "language": "python", "name": "python3"}


@dataclasses.dataclass(frozen=True)
class Walkthroughs:
    """Runs walkthroughs and writes their notebooks and pages."""

    topics: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of files in docs/, without .py; none given: all."""


def sources() -> dict[str, Path]:
    """Topic -> its source."""
    return {path.stem: path for path in sorted(DOCS.glob("*.py"))}


def run(path: Path):
    """The notebook of a source, executed in the project's folder; without TensorFlow's start-up notes."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(path)
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="module://matplotlib_inline.backend_inline")
    NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(DOCS.parent)}}
    ).execute()  # fmt: skip
    return tidy(notebook)


def tidy(notebook):
    """The notebook with what a reader wants of its outputs: what was printed, in one piece, and small pictures."""
    for cell in notebook.cells:
        cell.metadata, kept = {}, []
        for said in cell.pop("outputs", []):
            if said.get("name") == "stdout" and kept and kept[-1].get("name") == "stdout":
                kept[-1]["text"] += said["text"]
            elif said.get("name") == "stdout" or said.output_type == "error":
                kept.append(said)
            elif "image/png" in said.get("data", {}):
                png = small(base64.b64decode(said["data"]["image/png"]))
                kept.append({**said, "data": {"image/png": base64.b64encode(png).decode()}})
        if cell.cell_type == "code":
            cell["outputs"] = [nbformat.from_dict(said) for said in kept]
    notebook.metadata = {"kernelspec": notebook.metadata.get("kernelspec", PYTHON), "language_info": {"name": "python"}}
    return notebook


def publish(topic: str, notebook) -> list[Path]:
    """Writes the notebook, its page and its pictures."""
    from nbconvert import MarkdownExporter

    page, found = MarkdownExporter().from_notebook_node(
        notebook, {"output_files_dir": f"{topic}_files", "unique_key": topic}
    )
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{topic}-{number}"  # the same every time
    head = f"*Run it: `python -m docs.{topic}`, or [the notebook]({topic}.ipynb) from the project's folder.*\n\n"
    write_atomic(DOCS / f"{topic}.ipynb", nbformat.writes(notebook) + "\n")
    write_atomic(DOCS / f"{topic}.md", head + describe_pictures(page).strip() + "\n")
    pictures = {DOCS / name: content for name, content in found["outputs"].items()}
    for old in (DOCS / f"{topic}_files").glob("*"):
        old.unlink()
    for name, content in pictures.items():
        write_atomic(name, content)
    return [DOCS / f"{topic}.ipynb", DOCS / f"{topic}.md", *pictures]


def describe_pictures(page: str) -> str:
    """The page with the heading that a picture stands under as its alternative text."""
    lines, heading = page.split("\n"), ""
    for number, line in enumerate(lines):
        heading = re.sub(r"[]\[`]", "", line.lstrip("# ")) if line.startswith("#") else heading
        lines[number] = line.replace("![png](", f"![What the code draws under '{heading}'](")
    return "\n".join(line.rstrip() for line in lines)


def main(argv: list[str] | None = None) -> None:
    """Publishes the walkthroughs that are asked for."""
    arguments = sys.argv[1:] if argv is None else argv
    with one_line_errors():
        options = run_cli(Walkthroughs, "python -m commands.walkthroughs", arguments, description=__doc__)
        known = sources()
        for topic in options.topics or known:
            if topic not in known:
                raise SettingsError(f"there is no docs/{topic}.py, expected one of {', '.join(known)}")
            written = publish(topic, run(known[topic]))
            print(f"{topic}: {len(written)} files, {sum(path.stat().st_size for path in written) / 1e3:,.0f} kB")


if __name__ == "__main__":
    main()
