"""Asymmetric numeral systems (Duda 2013, arXiv 1311.2540) for symbols whose frequencies change with each symbol.

As `autoencoders.codec.entropy`, with states in [2^31, 2^63) and words of 32 bits, so that frequencies may sum to 2^20:
a value that is never expected then costs next to nothing. States stand side by side, one per image of a block. The last
symbol written is the first one read.
"""

import numpy as np

from autoencoders.codec.entropy import CodingError
from autoencoders.lossless.integers import PRECISION

LANES = 128  # states, at most
LOWEST = 1 << 31  # of a state
WORD, MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
SLOT, SLOTS = np.uint64(PRECISION), np.uint64((1 << PRECISION) - 1)


def lanes_for(images):
    """Number of states: one per 64 images, 1 to LANES."""
    return int(np.clip(images // 64, 1, LANES))


def push(symbols):
    """Final states (lanes,) and words of symbols, coded so that `Reader` gives them back first to last.

    Args:
        symbols: list of pairs of integers (images,): sum of the frequencies before the symbol, and its own.
    """
    count = len(symbols[0][0])
    lanes = lanes_for(count)
    states, words = np.full(lanes, LOWEST, np.uint64), []
    for start, width in reversed(symbols):
        for first in reversed(range(0, count, lanes)):
            before, frequency = (each[first : first + lanes].astype(np.uint64) for each in (start, width))
            x = states[: len(before)]
            full = x >= frequency << np.uint64(63 - PRECISION)
            words.append((x[full] & MASK)[::-1].astype(np.uint32))
            x[full] >>= WORD
            quotient = x // frequency
            x[:] = (quotient << SLOT) + (x - quotient * frequency) + before
    return states, np.concatenate(words)[::-1]


class Reader:
    """Reads what `push` wrote, the symbol of all images at one place after the other.

    Args:
        states: unsigned integers (lanes,).
        words: uint32 (words,).
    """

    def __init__(self, states, words):
        self.states, self.words, self.taken = states.astype(np.uint64), words.astype(np.uint64), 0

    def pop(self, counts, rows):
        """Symbols (images,) of the next place.

        Args:
            counts: frequencies (distributions, symbols), rows sum to 2^PRECISION.
            rows: which of them each image has, (images,).

        Raises:
            CodingError: the words end too early.
        """
        ends = np.cumsum(counts, axis=1, dtype=np.int32)
        symbols = np.empty(len(rows), np.uint8)
        for first in range(0, len(rows), len(self.states)):
            row = rows[first : first + len(self.states)]
            x = self.states[: len(row)]
            slot = x & SLOTS
            symbol = (ends[row] <= slot[:, None].astype(np.int32)).sum(axis=1)
            symbols[first : first + len(row)] = symbol
            width = counts[row, symbol].astype(np.uint64)
            x[:] = width * (x >> SLOT) + slot + width - ends[row, symbol].astype(np.uint64)
            empty = np.flatnonzero(x < LOWEST)
            if self.taken + len(empty) > len(self.words):
                raise CodingError("the words end before the images do")
            x[empty] = (x[empty] << WORD) | self.words[self.taken : self.taken + len(empty)]
            self.taken += len(empty)
        return symbols

    def check_end(self):
        """Raises CodingError unless all words are read and the states are those that `push` began with."""
        if self.taken != len(self.words) or np.any(self.states != LOWEST):
            raise CodingError("the words do not end where the images do")
