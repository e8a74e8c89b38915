"""Opus copies of G.711 and G.722, for players that know neither. The original stays what was recorded.

A copy is an MP4 file like those of recorded Opus (`recorder.files.mp4`): its sound is heard at the same UTC, and its
length is known before it is made, so it can be listed, and asked for in parts, without being there.

    plan     what a copy will be (core)         wire     what the process is told and says (core)
    sound    a file's sound, decoded            making   a copy, made; both in the copies' process only
    worker   that process                       process  our end of it
    shelf    copies that lie on disk            copies   made when somebody asks, once for all who do

CopyError
├── CopyUnfit   copy-unfit   what was recorded cannot be decoded, or is nothing to be copied
├── CopyBusy    copy-busy    too many are being made; worth asking again
└── CopyFailed  copy-failed  no process can be begun, or no memory is there
"""

from __future__ import annotations

from typing import ClassVar


class CopyError(Exception):
    """Base of the reasons for which there is no copy."""

    code: ClassVar[str] = "copy-error"


class CopyUnfit(CopyError):
    code = "copy-unfit"


class CopyBusy(CopyError):
    code = "copy-busy"


class CopyFailed(CopyError):
    code = "copy-failed"
