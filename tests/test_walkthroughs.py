"""The walkthroughs in docs/: each runs as a script, and what is published of it is made of its present source."""

import re

import jupytext
import nbformat
import pytest

from commands.walkthroughs import describe_pictures, sources
from reporting.gallery import DOCS

TOPICS = sorted(sources())


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.walkthrough
@pytest.mark.parametrize("topic", TOPICS)
def test_a_walkthrough_runs_and_prints(topic, command):
    done = command("-m", f"docs.{topic}", check=0)
    assert len(done.stdout.splitlines()) >= 3


@pytest.mark.parametrize("topic", TOPICS)
def test_the_published_notebook_and_page_are_of_this_source(topic):
    source, notebook = jupytext.read(DOCS / f"{topic}.py"), nbformat.read(DOCS / f"{topic}.ipynb", 4)
    again = f"run python -m commands.walkthroughs {topic}"
    assert [cell.source for cell in source.cells] == [cell.source for cell in notebook.cells], again
    nbformat.validate(notebook)
    page = (DOCS / f"{topic}.md").read_text()
    assert all(f"```python\n{part}\n```" in page for part in code(source)), again
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", page)
    assert pictures and {f"{topic}_files/{path.name}" for path in (DOCS / f"{topic}_files").iterdir()} == set(pictures)
    assert all((DOCS / name).stat().st_size <= 120_000 for name in pictures)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_walkthrough_names_its_post_and_ends_with_exercises(topic):
    cells = jupytext.read(DOCS / f"{topic}.py").cells
    assert cells[0].source.startswith("# ") and "## Exercises" in cells[-1].source
    assert not [said for cell in nbformat.read(DOCS / f"{topic}.ipynb", 4).cells for said in cell.get("outputs", [])
                if said.get("name") == "stderr" or said.output_type == "error"]  # fmt: skip


def test_pictures_are_described_by_their_heading():
    page = "# One\n\n![png](a.png)\n\n## Two `[x]`\n![png](b.png)   "
    first, second = "![What the code draws under 'One'](a.png)", "![What the code draws under 'Two x'](b.png)"
    assert describe_pictures(page) == f"# One\n\n{first}\n\n## Two `[x]`\n{second}"
