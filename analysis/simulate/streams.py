"""Random numbers by purpose: each purpose has a stream of its own.

Asking one more question of the generator (a new kind of event, say) leaves every other stream as
it was, so trials made before stay the same to the byte.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose.

    Parameters
    ----------
    seed : int
        Seed of the trial, 0 or more.
    purpose : str
        What the numbers are for; the same seed and purpose give the same numbers.

    Returns
    -------
    numpy.random.Generator
        PCG64, named here so that a change of numpy's default cannot change the data.

    Raises
    ------
    ValueError
        If the seed is not a whole number of 0 or more.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {seed!r}; use a whole number of 0 or more")
    sequence = np.random.SeedSequence(seed, spawn_key=(crc32(purpose.encode("ascii")),))
    return np.random.Generator(np.random.PCG64(sequence))
