"""Options that are one of a few words."""

import difflib
from collections.abc import Iterable


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Raises ValueError unless `value` is one of `known`: what, expected, received, nearest.

    Args:
        name: what the option is called where it was given.
        value: what was received.
        known: the words it may be.
    """
    names = [str(word) for word in known]
    if value not in names:
        near = closest(str(value), names)
        raise ValueError(f"Unknown {name}: expected one of {', '.join(names)}, received {value!r}{near}.")


def closest(word: str, names: list[str]) -> str:
    """' (did you mean X?)' for the name nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.7)
    return f" (did you mean {near[0]}?)" if near else ""
