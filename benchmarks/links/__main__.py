"""All figures of bad links: `python -m benchmarks.links --json FILE`."""

from benchmarks import parts
from benchmarks.links import PARTS

if __name__ == "__main__":
    parts.main("links", __doc__, PARTS)
