"""What verification found, as a person reads it: by session and track, with the seconds that are concerned. No I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from msgspec import UNSET, UnsetType

from huishang.verify_words import CODES, GOOD, RUNNING, SOUND, STATES, VERDICTS
from recorder.proof.findings import ORDER, Finding, is_sound, worst

MAX_LINES = 200
"""Of one session; `--json` tells all."""
_NEIGHBOURS_US = 1_000_000
"""So close one segment begins behind another for both to be one stretch of time."""


@dataclass(slots=True)
class Stretch:
    """Findings of one kind about files of a track that follow one another."""

    first: Finding
    start: int
    end: int
    files: int = 1


def report(findings: Sequence[Finding]) -> Iterator[str]:
    """Give the lines of the table, and the verdict as the last."""
    of_server = [finding for finding in findings if not finding.session]
    of_sessions = sorted((finding for finding in findings if finding.session), key=lambda finding: finding.session)
    for session, found in groupby(of_sessions, key=lambda finding: finding.session):
        own = list(found)
        yield f"会话 / session {session}: {_state(own)}"
        yield from _bounded(own)
    yield f"服务器的账簿与日志，以及无人记录的文件 / ledger, log, files of no session: {_state(of_server)}"
    yield from _bounded(of_server)
    if any(finding.code == "not-closed" for finding in findings):
        yield RUNNING
    yield f"结论 / verdict: {VERDICTS.get(worst(findings), SOUND)}"


def stretches(findings: Iterable[Finding]) -> list[Stretch]:
    """Join findings about files of one track, in which one follows the other, to stretches of time."""
    joined: list[Stretch] = []
    for finding in sorted(findings, key=lambda each: (each.track, each.code, each.detail, _number(each.start))):
        start, end = _number(finding.start), _number(finding.end)
        last = joined[-1] if joined else None
        if last is not None and _kind(last.first) == _kind(finding) and start <= last.end + _NEIGHBOURS_US:
            last.end, last.files = max(last.end, end), last.files + 1
        else:
            joined.append(Stretch(finding, start, end))
    return sorted(joined, key=lambda stretch: (stretch.first.track, stretch.start))


def moment(us: int) -> str:
    """Write a time as the wall clock of this machine showed it, with its distance from UTC."""
    seconds, rest = divmod(us, 1_000_000)
    try:
        local = datetime.fromtimestamp(seconds, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return f"{us} us"
    return f"{local:%Y-%m-%d %H:%M:%S}.{rest // 1000:03d} {local:%z}"


def _state(findings: Sequence[Finding]) -> str:
    return GOOD if is_sound(findings) else STATES[worst(findings)]


def _bounded(findings: Sequence[Finding]) -> Iterator[str]:
    lines = list(_lines(findings))
    yield from lines[:MAX_LINES]
    if len(lines) > MAX_LINES:
        yield f"  另有 / more: {len(lines) - MAX_LINES} (--json)"


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    timed = [finding for finding in findings if finding.track and finding.start is not UNSET]
    track = ""
    for stretch in stretches(timed):
        if stretch.first.track != track:
            track = stretch.first.track
            yield f"  轨道 / track {_plain(track)}"
        yield f"    {_of_stretch(stretch)}"
    others = [finding for finding in findings if not (finding.track and finding.start is not UNSET)]
    beside = [finding for finding in others if finding.code == "file-beside"]
    if beside:
        names = ", ".join(_plain(finding.file) for finding in beside)
        yield f"  {STATES['unknown']}: {CODES['file-beside']}: {names}"
        others = [finding for finding in others if finding.code != "file-beside"]
    for finding in sorted(others, key=lambda each: ORDER.index(each.state)):
        yield f"  {STATES[finding.state]}: {_sentence(finding)}"


def _of_stretch(stretch: Stretch) -> str:
    finding = stretch.first
    seconds = (stretch.end - stretch.start) / 1_000_000
    when = f"{moment(stretch.start)} – {moment(stretch.end)} ({seconds:.1f} s)"
    file = finding.file if stretch.files == 1 else f"{stretch.files} 个文件 / files: {finding.file} ..."
    detail = f": {_plain(finding.detail)}" if finding.detail else ""
    return f"{STATES[finding.state]}: {when}, {CODES[finding.code]}, {_plain(file)}{detail}"


def _sentence(finding: Finding) -> str:
    words = CODES[finding.code]
    text = words.format(
        count="?" if finding.count is UNSET else finding.count,
        record="?" if finding.record is UNSET else finding.record,
        at="?" if finding.at is UNSET else moment(finding.at),
        start="?" if finding.start is UNSET else moment(finding.start),
        authority=_plain(finding.authority),
        detail=_plain(finding.detail),
    )
    if finding.line is not UNSET:
        text += f" ({finding.place} {finding.line})"
    if finding.file:
        text += f", {_plain(finding.file)}"
    if finding.detail and "{detail}" not in words:
        text += f": {_plain(finding.detail)}"
    return text


def _kind(finding: Finding) -> tuple[str, str, str]:
    return finding.track, finding.code, finding.detail


def _number(time: int | UnsetType) -> int:
    return 0 if time is UNSET else time


def _plain(text: str) -> str:
    """Give what a file said of itself without anything that a terminal obeys."""
    return "".join(each if each.isprintable() else "?" for each in text)
