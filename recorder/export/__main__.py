"""`python -m recorder.export`: reads one order from its input, makes it, and says how it goes, a line each.

Its lines end when the process does. Whoever began it kills it to cancel; where that one is gone, it ends by itself.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from recorder.export import orders
from recorder.export.errors import ExportCancelled, ExportError, ExportFailed, ExportRefused
from recorder.export.orders import AnyOrder, BundleOrder, ClipOrder, ComposedOrder, Made, Progress, Refused, Said

NICENESS: Final = 19
MEMORY_BYTES: Final = 3 << 30
MAX_ORDER_BYTES: Final = 64 << 20
_PACE_S: Final = 0.25
"""Between two words about progress."""


def main() -> int:
    """Give the exit status: 0 made, 1 refused or failed."""
    os.nice(NICENESS)
    os.umask(0o077)
    for limit, value in ((resource.RLIMIT_DATA, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        most = resource.getrlimit(limit)[1]
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (value, value))
    said: Said
    try:
        said = make(orders.order_of(sys.stdin.buffer.read(MAX_ORDER_BYTES)), _Teller())
    except ExportRefused as error:
        said = Refused(code=error.code, text=str(error), reason=error.reason, parts=list(getattr(error, "parts", ())))
    except ExportError as error:
        said = Refused(code=error.code, text=str(error))
    except msgspec.MsgspecError as error:
        said = Refused(code=ExportRefused.code, text=str(error)[:500], reason="order")
    except BrokenPipeError:
        raise
    except Exception as error:  # a mistake of ours, or no memory: who waits is told, and nobody reads our error output
        said = Refused(code=ExportFailed.code, text=f"{type(error).__name__}: {error}"[:500])
    _say(said)
    return 0 if isinstance(said, Made) else 1


def make(order: AnyOrder, tell: _Teller) -> Made:
    """Make what is ordered. Raises ExportError."""
    # Each kind brings what it needs: a bundle no decoders, a clip none where its sound is Opus.
    if isinstance(order, BundleOrder):
        return _bundle(order, tell)
    if isinstance(order, ClipOrder):
        return _clip(order, tell)
    return _composed(order, tell)


def _bundle(order: BundleOrder, tell: _Teller) -> Made:
    from recorder.export.archive import write_folder, write_zip
    from recorder.export.bundle import bundle_of
    from recorder.export.disclosure import Disclosure

    disclosure = Disclosure(frozenset(order.withhold), order.begin, order.until)
    bundle = bundle_of(Path(order.root), order.session, disclosure)
    write = write_zip if order.form == "zip" else write_folder
    write(bundle, Path(order.path), tell)
    return Made(path=order.path, length=bundle.length, absent=len(bundle.absent))


def _clip(order: ClipOrder, tell: _Teller) -> Made:
    from recorder.export.clip import clip_of, write_clip
    from recorder.export.copied import as_opus

    pictures, sounds = [Path(file) for file in order.pictures], [Path(file) for file in order.sounds]
    with as_opus(sounds, order.begin, order.until, Path(order.path), tell) as (heard, told):
        clip = clip_of(pictures, heard, order.begin, order.until, order.left_out)
        write_clip(clip, Path(order.path), told)
    made = Made(path=order.path, length=clip.length, mime=clip.mime, begin=clip.begin_us, gaps=list(clip.gaps))
    return msgspec.structs.replace(made, copied=not set(heard) <= set(sounds))


def _composed(order: ComposedOrder, tell: _Teller) -> Made:
    import av.logging

    from recorder.export.composed import compose

    av.logging.set_level(av.logging.PANIC)
    failures = compose(order, tell)
    length = Path(order.path).stat().st_size
    return Made(path=order.path, length=length, mime="video/mp4", begin=order.begin, failures=failures)


class _Teller:
    """Says how far it is, not too often, and ends the export when nobody listens."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _PACE_S
            try:
                _say(Progress(done, total))
            except BrokenPipeError as error:
                raise ExportCancelled("nobody listens") from error


def _say(said: Said) -> None:
    try:
        sys.stdout.buffer.write(orders.encode(said) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # What is buffered would be tried again at the end, and told of on the error output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(1)
