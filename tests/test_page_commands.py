"""Every command that a page prints is one that can be given: its module, variant and flags exist."""

import importlib.util
import itertools
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

import compare
from training import settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
MEANT = {"METHOD": "gmu", "a b": "blog best"}  # what a page leaves to the reader -> an example of it
NO_FLAGS = re.compile(r"docs\.|reporting\.readme|pytest|tests/hostile/")  # run without any, or not by our command line


def one_by_one(line):
    """The commands of a line of bash, loops written out."""
    loops = re.compile(r"for (\w+) in ([^;]+); do (.*?); done")
    for name, values, body in loops.findall(line):
        yield from (body.replace(f"${name}", value) for value in values.split())
    yield from (part.strip() for part in loops.sub("", line).split("&&") if part.strip())


def commands():
    """Command -> the page that prints it."""
    found = {}
    for page in PAGES:
        text = page.read_text()
        for line in (*re.findall(r"`((?:for |python )[^`]+)`", text), *re.findall(r"^python .*", text, re.MULTILINE)):
            found |= dict.fromkeys(one_by_one(line), page)
    return found


COMMANDS = commands()


class Parsed(BaseException):
    """The command line was understood."""


@pytest.fixture
def only_parse(monkeypatch):
    """Every command line of the project stops when it has been read.

    At its one root: a module that is imported meanwhile keeps what it imports by name.
    """
    read = settings.tyro.cli

    def reading(*args, **more):
        raise Parsed(read(*args, **more))

    monkeypatch.setattr(settings.tyro, "cli", reading)


@pytest.mark.filterwarnings("ignore:.*prior to execution:RuntimeWarning")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_printed_command_can_be_given(command, only_parse, monkeypatch, tmp_path):
    for word, example in MEANT.items():
        command = command.replace(word, example)
    words = shlex.split(command.rstrip("\\"), comments=True)
    assert words[0] == "python"
    name, *arguments = words[2:] if words[1] == "-m" else words[1:]
    if NO_FLAGS.match(name):
        assert (ROOT / name).exists() or importlib.util.find_spec(name)
        return
    monkeypatch.chdir(tmp_path)
    for flag, value in itertools.pairwise(arguments):
        if flag == "--data" and re.search(r"[./]", value):  # the reader's own
            Path(value).mkdir()
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises((Parsed, SystemExit)) as stopped:
        if words[1] == "-m":
            runpy.run_module(name, run_name="__main__", alter_sys=False)
        else:
            runpy.run_path(str(ROOT / name), run_name="__main__")
    if stopped.type is SystemExit:
        assert stopped.value.code == 0 and "--help" in arguments
    elif name == "compare.py":
        options = stopped.value.args[0]
        chosen = compare.choose([compare.find_module(method) for method in options.methods], options.variants)
        assert chosen


def test_commands_are_found_on_most_pages():
    assert len(COMMANDS) > 80 and len(set(COMMANDS.values())) > 15
