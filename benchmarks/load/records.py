"""Times of departure and arrival that the load threads kept, as numpy arrays."""

import numpy as np
import numpy.typing as npt

DTYPE = np.dtype(
    [
        ("at_ns", "<i8"),
        ("path", "<u4"),
        ("ssrc", "<u4"),
        ("timestamp", "<u4"),
        ("sequence", "<u2"),
        ("length_bytes", "<u2"),
    ]
)
"""Layout of `record.Record`: time in CLOCK_REALTIME nanoseconds; `path` is the flow that sent, or the viewer."""

Records = npt.NDArray[np.void]


def read(data: bytes) -> Records:
    """The records in `data`, in the order in which they were made."""
    return np.frombuffer(data, dtype=DTYPE)
