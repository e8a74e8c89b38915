"""Compares the files of segments with what chains say of them. Core: who reads files gives a callable.

A file may be named by several chains (a source recorded in two sessions), and is read once for all of them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from msgspec import UNSET

from recorder.proof.chain_reading import ChainRead
from recorder.proof.digests import Algorithm, Digests, Running, names_of
from recorder.proof.findings import Code, Finding, State
from recorder.proof.records import Segment

ReadFile = Callable[[str], Iterable[bytes] | None]
"""Gives a file in pieces by its path below the recordings' root, or None where there is none; may raise OSError."""
TRACKS = "tracks"
OPEN_SUFFIX = ".open"
"""Of a file that is being written."""


class _Measured(NamedTuple):
    """What a file was found to be; without digests where reading ended at a length that no chain so far had."""

    bytes: int
    digests: Digests | None


class Files:
    """The files of one recordings' root, each read once."""

    def __init__(self, read: ReadFile, present: Collection[str]) -> None:
        """`present`: the files that there are below `tracks`, as chains name them."""
        self._read = read
        self._present = present
        self._measured: dict[str, _Measured] = {}
        self._named: set[str] = set()

    def check(self, chain: ChainRead) -> Iterator[Finding]:
        """Compare every file that a chain names."""
        intact: Counter[tuple[Algorithm, ...]] = Counter()
        for n, segment in sorted(chain.segments.items()):
            self._named.add(segment.file)
            if not is_plain_path(segment.file):
                detail = "not a path below the recordings' root"
                yield _finding(chain, n, segment, "altered", "content-unusable", detail)
                continue
            fault = self._fault(chain, n, segment)
            if fault is None:
                intact[segment.digest.algorithms] += 1
            else:
                yield fault
        known = {segment.file for segment in chain.segments.values()}
        for n, segment in chain.unvouched:
            # Each file once: lines that nobody signed may be many.
            if segment.file not in known and is_plain_path(segment.file):
                known.add(segment.file)
                self._named.add(segment.file)
                yield self._fault(chain, n, segment) or _finding(chain, n, segment, "incomplete", "file-unvouched")
        for algorithms, count in sorted(intact.items()):
            detail = names_of(algorithms)
            yield Finding(
                state="intact", code="files-intact", place="files", session=chain.session, count=count, detail=detail
            )

    def unrecorded(self) -> Iterator[Finding]:
        """Tell of the files that no chain names; to be asked when all chains were checked."""
        for name in sorted(set(self._present) - self._named):
            parts = name.split("/")
            track = parts[1] if len(parts) == 3 and parts[0] == TRACKS else ""
            # One that is being written is named when it is closed; so long nothing proves it.
            is_open = name.endswith(OPEN_SUFFIX)
            yield Finding(
                state="incomplete" if is_open else "altered",
                code="file-open" if is_open else "file-unrecorded",
                place="files",
                track=track[:256],
                file=name[:256],
            )

    def _fault(self, chain: ChainRead, n: int, segment: Segment) -> Finding | None:
        try:
            measured = self._measure(segment)
        except OSError as error:
            return _finding(chain, n, segment, "missing", "file-missing", f"cannot be read: {error.strerror}")
        if measured is None:
            policy = chain.deleted.get(n)
            if policy is not None:
                return _finding(chain, n, segment, "deleted", "file-deleted", policy)
            return _finding(chain, n, segment, "missing", "file-missing")
        detail = _difference(segment, measured)
        return None if detail is None else _finding(chain, n, segment, "altered", "file-altered", detail)

    def _measure(self, segment: Segment) -> _Measured | None:
        known = self._measured.get(segment.file)
        if known is not None and _is_enough(known, segment):
            return known
        pieces = self._read(segment.file)
        if pieces is None:
            return None
        running, length = Running(segment.digest.algorithms), 0
        for piece in pieces:
            length += len(piece)
            if length > segment.bytes:
                measured = _Measured(length, None)
                break
            running.update(piece)
        else:
            measured = _Measured(length, running.finish())
        self._measured[segment.file] = measured
        return measured


def is_plain_path(name: str) -> bool:
    """Tell whether a path stays below the folder that it is relative to, on every system."""
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and ":" not in name and all(part.strip(". ") for part in parts)


def _is_enough(known: _Measured, segment: Segment) -> bool:
    """Tell whether what is known of a file compares with what this segment says."""
    if known.digests is None or known.bytes != segment.bytes:
        return known.bytes > segment.bytes or known.digests is not None
    return set(segment.digest.algorithms) <= set(known.digests.algorithms)


def _difference(segment: Segment, measured: _Measured) -> str | None:
    if measured.bytes > segment.bytes:
        return "longer than recorded"
    if measured.bytes < segment.bytes:
        return f"{segment.bytes - measured.bytes} bytes shorter than recorded"
    found = measured.digests
    same = found is not None and found.sha256 == segment.digest.sha256
    if same and found is not None and segment.digest.sm3 is not UNSET:
        same = found.sm3 == segment.digest.sm3
    return None if same else "other bytes than recorded"


def _finding(chain: ChainRead, n: int, segment: Segment, state: State, code: Code, detail: str = "") -> Finding:
    return Finding(
        state=state,
        code=code,
        place="files",
        session=chain.session,
        record=n,
        track=segment.track,
        file=segment.file,
        start=segment.start,
        end=segment.end,
        detail=detail,
    )
