"""All figures of recording: `python -m benchmarks.recording --json FILE`."""

from benchmarks import parts
from benchmarks.recording import PARTS

if __name__ == "__main__":
    parts.main("recording", __doc__, PARTS)
