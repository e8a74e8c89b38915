"""All figures of consultations: `python -m benchmarks.consultation --json FILE`."""

from benchmarks import parts
from benchmarks.consultation import PARTS

if __name__ == "__main__":
    parts.main("consultation", __doc__, PARTS)
