"""Compares the files of segments with what their chain says of them. Core: who reads files gives a callable."""

from collections.abc import Callable, Collection, Iterable, Iterator

from recorder.proof.chain_reading import ChainRead
from recorder.proof.digests import Running
from recorder.proof.findings import Code, Finding, State
from recorder.proof.records import Segment

ReadFile = Callable[[str, str], Iterable[bytes] | None]
"""Gives a file of a session in pieces by session and file, or None where there is none; may raise OSError."""
Progress = Callable[[int], None]
"""Is told of every piece how many bytes it had."""


def check_files(
    chain: ChainRead, read: ReadFile, present: Collection[str], progress: Progress | None = None
) -> Iterator[Finding]:
    """Read every file that a chain names. `present`: the files that there are, relative as the chain names them."""
    intact = 0
    for n, segment in sorted(chain.segments.items()):
        if not is_plain_path(segment.file):
            yield _finding(chain, n, segment, "altered", "content-unusable", "not a path below the session's folder")
            continue
        fault = _fault(chain, n, segment, read, progress)
        if fault is None:
            intact += 1
        else:
            yield fault
    known = {segment.file for segment in chain.segments.values()}
    for n, segment in chain.unvouched:
        # Each file once: lines that nobody signed may be many.
        if segment.file not in known and is_plain_path(segment.file):
            known.add(segment.file)
            fault = _fault(chain, n, segment, read, progress)
            yield fault or _finding(chain, n, segment, "incomplete", "file-unvouched")
    for name in sorted(set(present) - known):
        yield Finding(state="altered", code="file-unrecorded", place="files", session=chain.session, file=name[:256])
    if intact:
        yield Finding(state="intact", code="files-intact", place="files", session=chain.session, count=intact)


def is_plain_path(name: str) -> bool:
    """Tell whether a path stays below the folder that it is relative to, on every system."""
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and ":" not in name and all(part.strip(". ") for part in parts)


def _fault(chain: ChainRead, n: int, segment: Segment, read: ReadFile, progress: Progress | None) -> Finding | None:
    try:
        pieces = read(chain.session, segment.file)
        if pieces is None:
            policy = chain.deleted.get(n)
            if policy is not None:
                return _finding(chain, n, segment, "deleted", "file-deleted", policy)
            return _finding(chain, n, segment, "missing", "file-missing")
        detail = _difference(segment, pieces, progress)
    except OSError as error:
        return _finding(chain, n, segment, "missing", "file-missing", f"cannot be read: {error.strerror}")
    return None if detail is None else _finding(chain, n, segment, "altered", "file-altered", detail)


def _difference(segment: Segment, pieces: Iterable[bytes], progress: Progress | None) -> str | None:
    running = Running(segment.digest.algorithms)
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > segment.bytes:
            return "longer than recorded"
        running.update(piece)
        if progress is not None:
            progress(len(piece))
    if length < segment.bytes:
        return f"{segment.bytes - length} bytes shorter than recorded"
    return None if running.finish() == segment.digest else "other bytes than recorded"


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
