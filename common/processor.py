"""What this machine's processor can do."""

import functools
from pathlib import Path


@functools.cache
def description() -> str:
    """The text of /proc/cpuinfo; "" where there is none."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def has(flag: str) -> bool:
    """Whether the processor names this feature, for example "avx512f"; False where it does not say."""
    return flag in description().split()
