"""A source's picture as a small JPEG, for pages whose link carries no moving ones.

`joining` is the core; `picture` and `worker` run in the worker process, the only place where a picture from outside is
decoded; `process` is our end of that process; `stills` decides when one is made.

Error base: StillError
├── StillNone    no keyframe came in time
├── StillUnfit   what came cannot be decoded
└── StillBusy    too many are being made, or the worker ended meanwhile
"""


class StillError(Exception):
    """Base of the reasons for which there is no still."""


class StillNone(StillError):
    """No keyframe came in time."""


class StillUnfit(StillError):
    """What came cannot be decoded."""


class StillBusy(StillError):
    """Too many are being made, or the worker ended meanwhile; worth asking again."""
