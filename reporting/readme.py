"""`python -m reporting.readme`: renders the tables of all READMEs from the committed results.json files."""

from pathlib import Path

from reporting.tables import render_readme
from training.run import write_atomic

ROOT = Path(__file__).resolve().parent.parent


def readmes() -> list[Path]:
    """README.md of the project and of every method."""
    return sorted([ROOT / "README.md", *ROOT.glob("*/README.md")])


def main() -> None:
    """Rewrites the READMEs whose tables differ from results.json."""
    for path in readmes():
        text = path.read_text()
        rendered = render_readme(text, ROOT)
        if rendered != text:
            write_atomic(path, rendered)
            print(f"updated {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
