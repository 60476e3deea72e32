"""What a run was computed with: versions, processor, commit, command."""

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from common import processor

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "matplotlib")


def machine() -> dict[str, Any]:
    """Versions, hardware, state of the code and command line, as `environment.json` holds them."""
    return {
        "python": sys.version.split()[0],
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "hardware": hardware(),
        **git_state(),
        "argv": sys.orig_argv[1:],
    }


def hardware() -> str:
    """Usable cores, the processor's name and its widest vectors, for example '4 x AMD EPYC with AVX2, CPU'."""
    text = processor.description()
    found = re.search(r"model name\s*: (.*)", text)
    name = found[1] if found else platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} x {' '.join(name.split())}{widest_vectors(text)}, CPU"


def widest_vectors(text: str) -> str:
    """' with AMX', ' with AVX-512' or ' with AVX2' by the flags in /proc/cpuinfo; they decide how fast products are."""
    flags = set(text.split())
    known = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}
    return next((f" with {name}" for flag, name in known.items() if flag in flags), "")


def git_state() -> dict:
    """Commit of the code and whether it had uncommitted changes; empty outside a git checkout."""
    root = Path(__file__).parent.parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", __file__)  # an installed copy may lie within someone else's repository
        code_changes = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
        return {"commit": git("rev-parse", "--short=10", "HEAD"), "dirty": bool(code_changes)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "", "dirty": False}
