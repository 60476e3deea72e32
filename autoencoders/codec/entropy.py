"""Entropy coding of integer tables: asymmetric numeral systems (Duda 2013, arXiv 1311.2540), many rows at a time.

Each column of a table has its own frequencies, which travel with the data. A state x in [2^16, 2^32) grows with each
symbol by about -log2(frequency) bits; what would overflow leaves it in words of 16 bits. `LANES` states run side by
side, one per row of a block, so that NumPy does the arithmetic of a whole block at once. The last symbol written is
the first one read: the encoder walks through the table backwards.
"""

import lzma
import struct

import numpy as np

from common import UserError

PRECISION = 14  # frequencies of a column sum to 2^14
LANES = 256  # at most; a state costs 4 bytes, so that short tables have fewer
LOWEST = 1 << 16  # of a state
MOST_SYMBOLS = 1 << 27  # of a table that is read: 1 GiB of integers
MOST_TABLES = 64 << 20  # bytes of the frequencies of all its columns
HEADER = struct.Struct("<IIIQ")  # rows, columns, bytes of the tables, 16-bit words


class CodingError(UserError):
    """The bytes are no table written by `encode`, or the table cannot be written."""


def encode(table, most_lanes=LANES):
    """Bytes of an integer table.

    Args:
        table: integers (rows, columns), each column with a range below 2^14.
        most_lanes: states side by side, at most; fewer make a small table smaller and take longer. `decode` must be
            told.

    Raises:
        CodingError: not a two-dimensional table of integers, or a column with a wider range.
    """
    table = np.asarray(table)
    if table.ndim != 2 or not np.issubdtype(table.dtype, np.integer):
        raise CodingError(f"cannot encode {table.dtype} {table.shape}, expected integers (rows, columns)")
    if table.size == 0:
        return HEADER.pack(*table.shape, 0, 0)
    low = table.min(axis=0).astype(np.int64)
    spans = table.max(axis=0) - low + 1
    if spans.max() >= 1 << PRECISION:
        raise CodingError(f"a column spans {spans.max()} integers, expected below {1 << PRECISION}; quantise coarser")
    symbols = (table - low).astype(np.int64)
    counts = [np.bincount(column, minlength=span) for column, span in zip(symbols.T, spans, strict=True)]
    frequencies = [quantise_counts(each) for each in counts]
    tables = pack_tables(low, frequencies)
    states, words = push(symbols, frequencies, lanes_for(len(symbols), most_lanes))
    payload = states.astype("<u4").tobytes() + words.astype("<u2").tobytes()
    return HEADER.pack(*table.shape, len(tables), len(words)) + tables + payload


def decode(data, most_lanes=LANES):
    """The table (rows, columns) int64 that `encode` wrote with as many `most_lanes`.

    Raises:
        CodingError: truncated or damaged bytes. (A checksum around them finds what this cannot see.)
    """
    try:
        rows, columns, table_bytes, word_count = HEADER.unpack_from(data)
        if rows * columns == 0:
            return np.zeros((min(rows, MOST_SYMBOLS), min(columns, MOST_SYMBOLS)), np.int64)
        if rows * columns > MOST_SYMBOLS:
            raise CodingError(f"a table of {rows:,} x {columns:,} symbols, expected at most {MOST_SYMBOLS:,} in all")
        start = HEADER.size + table_bytes
        low, frequencies = unpack_tables(data[HEADER.size : start], columns)
        lanes = lanes_for(rows, most_lanes)
        states = np.frombuffer(data, "<u4", lanes, start).astype(np.uint64)
        words = np.frombuffer(data, "<u2", word_count, start + 4 * lanes)
        return pop(states, words, frequencies, rows) + low
    except CodingError:
        raise
    except (struct.error, ValueError, IndexError, EOFError, lzma.LZMAError) as error:
        raise CodingError(f"{len(data)} bytes are not a coded table ({error})") from None


def lanes_for(rows, most):
    """Number of states for a table: one per 64 rows, 1 to `most`."""
    return int(np.clip(rows // 64, 1, most))


def quantise_counts(counts):
    """Frequencies in proportion to `counts` that sum to 2^14, at least 1 for every symbol of the span."""
    total = 1 << PRECISION
    shares = 1 + np.floor(counts * (total - len(counts)) / counts.sum()).astype(np.int64)
    shares[np.argmax(shares)] += total - shares.sum()
    return shares


def pack_tables(low, frequencies):
    """Lowest values, spans and frequencies of all columns, compressed."""
    spans = np.array([len(each) for each in frequencies], "<u2")
    parts = low.astype("<i4"), spans, np.concatenate(frequencies).astype("<u2")
    return lzma.compress(b"".join(part.tobytes() for part in parts), lzma.FORMAT_ALONE)


def unpack_tables(data, columns):
    """Inverse of `pack_tables`."""
    raw = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=1 << 27).decompress(data, MOST_TABLES)
    low = np.frombuffer(raw, "<i4", columns).astype(np.int64)
    spans = np.frombuffer(raw, "<u2", columns, 4 * columns).astype(np.int64)
    flat = np.frombuffer(raw, "<u2", spans.sum(), 6 * columns).astype(np.int64)
    frequencies = np.split(flat, np.cumsum(spans)[:-1])
    if any(each.sum() != 1 << PRECISION or each.min() < 1 for each in frequencies):
        raise CodingError("frequencies do not sum to 2^14")
    return low, frequencies


def cumulate(frequencies):
    """Sum of the frequencies before each symbol."""
    return np.concatenate([[0], np.cumsum(frequencies)[:-1]])


def push(symbols, frequencies, lanes):
    """Final states (lanes,) and words of the symbols (rows, columns)."""
    rows, columns = symbols.shape
    tables = [(each.astype(np.uint64), cumulate(each).astype(np.uint64)) for each in frequencies]
    states = np.full(lanes, LOWEST, np.uint64)
    words = []
    for first in reversed(range(0, rows, lanes)):
        block = symbols[first : first + lanes]
        for column in reversed(range(columns)):
            frequency, before = (array[block[:, column]] for array in tables[column])
            x = states[: len(block)]
            full = x >= frequency << np.uint64(32 - PRECISION)
            words.append((x[full] & np.uint64(0xFFFF))[::-1])
            x[full] >>= np.uint64(16)
            quotient = x // frequency
            x[:] = (quotient << np.uint64(PRECISION)) + (x - quotient * frequency) + before
    return states, np.concatenate(words)[::-1]  # in the order in which `pop` wants them


def pop(states, words, frequencies, rows):
    """Inverse of `push`: symbols (rows, columns)."""
    symbols = np.empty((rows, len(frequencies)), np.int64)
    slots = [np.repeat(np.arange(len(each)), each) for each in frequencies]
    tables = [(each.astype(np.uint64), cumulate(each).astype(np.uint64)) for each in frequencies]
    taken = 0
    for first in range(0, rows, len(states)):
        block = symbols[first : first + len(states)]
        x = states[: len(block)]
        for column, (frequency, before) in enumerate(tables):
            slot = x & np.uint64((1 << PRECISION) - 1)
            symbol = block[:, column] = slots[column][slot]
            x[:] = frequency[symbol] * (x >> np.uint64(PRECISION)) + slot - before[symbol]
            empty = np.flatnonzero(x < LOWEST)
            if taken + len(empty) > len(words):
                raise CodingError("the words end before the table does")
            x[empty] = (x[empty] << np.uint64(16)) | words[taken : taken + len(empty)]
            taken += len(empty)
    if taken != len(words) or np.any(states != LOWEST):
        raise CodingError("the words do not end where the table does")
    return symbols
