"""Every block of Python in a README runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = {
    f"{path.parent.name}-{number}": block
    for path in sorted([ROOT / "README.md", *ROOT.glob("*/README.md")])
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL))
}


def test_every_method_has_an_example_of_about_ten_lines():
    methods = {name.partition("-")[0] for name in BLOCKS}
    assert methods >= {"autoencoders", "calibration", "capsnet", "corrmcnn", "corrnet", "densenet", "gmu"}
    assert all(block.count("\n") <= 14 for block in BLOCKS.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BLOCKS)
def test_example_runs(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[name], name, "exec"), {"__name__": name})
