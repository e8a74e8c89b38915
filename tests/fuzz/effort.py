"""How long a fuzzer runs, and from which seed: FUZZ_SECONDS for each, FUZZ_SEED repeats a run.

The normal tests run briefly and always from the same seed; a long run takes a new one and tells it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from typing import Final

_LONG: Final = "FUZZ_SECONDS" in os.environ
SEED: Final = int(os.environ.get("FUZZ_SEED") or (random.SystemRandom().randrange(2**32) if _LONG else 20251121))


def rounds(least: int, seconds: float = 2.0) -> Iterator[int]:
    """Count rounds for so long (in the normal tests), but at least so many, however slow the machine is."""
    print(f"FUZZ_SEED={SEED}")
    end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", seconds))
    number = 0
    while number < least or time.monotonic() < end:
        yield number
        number += 1
