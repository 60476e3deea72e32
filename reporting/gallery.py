"""The gallery's entries: docs/gallery.toml, every figure of the documents and ours beside it."""

import dataclasses
import tomllib
from collections.abc import Iterator
from pathlib import Path

from reporting.methods import ROOT

DOCS = ROOT / "docs"
AGREES = {"yes": "agrees", "partly": "agrees in part", "no": "does not agree", "drawing": "a drawing"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One figure of a document and ours beside it.

    Args:
        id: name of the picture, and of the entry's anchor.
        shows: what the document shows there.
        ours: what ours shows, in a sentence.
        agrees: a key of AGREES.
        picture: "drawing <method> <name>", or "run <method>/<variant>/<data>/seed<k> <figure>".
        command: what makes it again.
    """

    id: str
    shows: str
    ours: str
    agrees: str
    picture: str
    command: str = ""

    @property
    def path(self) -> Path:
        """The committed picture."""
        return DOCS / "gallery" / f"{self.id}.png"

    @property
    def caption(self) -> str:
        """The caption that the picture carries: data, seeds, epochs."""
        from PIL import Image

        with Image.open(self.path) as image:
            return image.info.get("Description", "")

    @property
    def how(self) -> str:
        """The command that makes the picture again."""
        if self.command or self.picture.startswith("drawing"):
            return self.command or "python -m commands.gallery"
        method, variant, data, seed = self.picture.split()[1].split("/")
        data = "" if data == "synthetic" else f" --data {data}"
        return f"python -m {method}.train {variant}{data} --seed {seed.removeprefix('seed')}"


@dataclasses.dataclass(frozen=True)
class Document:
    """A document, or a post of one, with its entries in its order."""

    title: str
    method: str
    entries: tuple[Entry, ...]


def read() -> list[Document]:
    """The documents of docs/gallery.toml."""
    content = tomllib.loads((DOCS / "gallery.toml").read_text())
    return [
        Document(record["title"], record["method"], tuple(Entry(**entry) for entry in record["entry"]))
        for record in content["document"]
    ]


def markdown(documents: list[Document]) -> Iterator[str]:
    """The lines of docs/gallery.md."""
    yield "# Gallery: the documents' figures, and ours\n"
    yield "Made by `python -m commands.gallery` from docs/gallery.toml. Every caption says data, seeds and epochs.\n"
    for document in documents:
        anchor = "".join(c for c in document.title.lower().replace(" ", "-") if c.isalnum() or c == "-")
        yield f"- [{document.title}](#{anchor}): {len(document.entries)} pictures"
    for document in documents:
        yield f"\n## {document.title}\n\nMethod and results: [{document.method}](../{document.method}/README.md)\n"
        for entry in document.entries:
            yield f'<a id="{entry.id}"></a>\n**{entry.shows}** {entry.ours} *({AGREES[entry.agrees]})*\n'
            yield f"![{entry.shows} {entry.ours}](gallery/{entry.id}.png)\n"
            yield f"<sub>{entry.caption} `{entry.how}`</sub>\n"
