"""Verifies evidence: chains, files, ledger, log or proofs, tokens. Core: gives findings (`findings`).

Nothing is believed before it is checked: keys by the ledger, which begins with one that somebody outside may name;
heads by keys; records by heads; contents and files by records; times by tokens; tokens by roots that somebody outside
may name. What remains is said too: who has the key may have made anew all that no outside witness had seen, and may
have cut what came after the last one saw; and whoever keeps the files may have put back an older copy of all of them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec import UNSET

from recorder.proof.chain_reading import ChainRead, read_chain
from recorder.proof.findings import Code, Finding, State
from recorder.proof.ledger_reading import LedgerRead, read_ledger
from recorder.proof.log import LogRead, SeenHead, read_proofs, read_whole
from recorder.proof.segments import Files, ReadFile
from recorder.proof.stamps import Earliest, Trust, Witness, check_tokens, drop_ended

Pieces = Iterable[bytes]
CLOCKS_DIFFER_US = 2_000_000
"""So far the server's clock and an authority's may differ, whole seconds in its tokens included."""
ON_ITS_WAY_US = 60_000_000
"""So soon, and far sooner, a head is in the log where the disk takes it."""
LONGEST_US = 86_400_000_000
"""So long a verification may take while the server writes on."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """The files to be verified, each read once, in pieces of any size."""

    chains: Mapping[str, Callable[[], Pieces]]
    """By session."""
    ledger: Pieces
    leaves: Pieces | None = None
    """The log, where it is there as a whole."""
    proofs: Pieces = ()
    """Where it is not."""
    read_file: ReadFile
    present: Collection[str] = ()
    """The files that there are below `tracks`, by their paths below the root."""
    beside: Iterable[Finding] = ()
    """What was found while looking for all that."""


def verify(evidence: Evidence, trust: Trust) -> Iterator[Finding]:
    """Give findings as they are made: ledger, log, tokens, each session's chain, files and witnesses, what is left.

    Raises only what reading the evidence raises; of files of segments an OSError is a finding.
    """
    ledger = read_ledger(evidence.ledger, trust.first_key, is_whole=evidence.leaves is not None)
    yield from ledger.findings
    yield from _newest(ledger, trust, is_whole=evidence.leaves is not None)
    if evidence.leaves is None:
        log = read_proofs(evidence.proofs, ledger.checkpoints)
        if ledger.checkpoints and not log.findings:
            yield Finding(state="missing", code="leaves-absent", place="log")
    else:
        log = read_whole(evidence.leaves, ledger.checkpoints)
    witnesses = check_tokens(ledger, trust)
    drop_ended(witnesses, log, trust.now)
    yield from log.findings
    yield from witnesses.findings
    yield from _absent_tokens(ledger, log)
    earliest = Earliest(witnesses)
    files = Files(evidence.read_file, evidence.present)
    for session, pieces in sorted(evidence.chains.items()):
        chain = read_chain(session, pieces(), ledger.keys)
        yield from chain.findings
        yield from files.check(chain)
        yield from _witnessed(chain, log.heads.get(session, []), earliest, trust.now)
    yield from files.unrecorded()
    for session in sorted(set(log.heads) - set(evidence.chains)):
        yield Finding(state="missing", code="records-absent", place="chain", session=session, record=0)
    yield from evidence.beside


def _newest(ledger: LedgerRead, trust: Trust, *, is_whole: bool) -> Iterator[Finding]:
    """Say how far these files go: a copy of all of them from an earlier day is whole too."""
    for name in trust.seen:
        if name not in ledger.checkpoints:
            yield Finding(state="missing", code="checkpoint-absent", place="ledger", detail=name)
    newest = max(ledger.checkpoints.values(), key=lambda each: each.line, default=None)
    if is_whole and newest is not None:
        yield Finding(state="unknown", code="older-copy", place="ledger", at=newest.at, detail=newest.name)


def _absent_tokens(ledger: LedgerRead, log: LogRead) -> Iterator[Finding]:
    known = ledger.token_digests()
    is_excerpt = any(finding.code == "ledger-excerpt" for finding in ledger.findings)
    count = sum(digest not in known for digest in log.tokens)
    if count:
        state: State = "unknown" if is_excerpt else "missing"
        yield Finding(state=state, code="token-absent", place="ledger", count=count)


def _witnessed(chain: ChainRead, seen: list[SeenHead], earliest: Earliest, now: int) -> Iterator[Finding]:
    """Compare a chain with what the log had of it, and say who saw it when."""
    session = chain.session
    found: list[tuple[int, Witness]] = []
    last_seen = last_agreed = -1
    for head in seen:
        n = head.leaf.n
        last_seen = max(last_seen, n)
        if n >= chain.length:
            continue
        if chain.signed.get(n) != head.leaf.hash:
            yield Finding(state="altered", code="log-differs", place="chain", session=session, record=n)
            continue
        last_agreed = max(last_agreed, n)
        witness = earliest.of(head.cover)
        if witness is not None:
            found.append((n, witness))
            if chain.times[n] > witness.stamp.at + CLOCKS_DIFFER_US:
                yield _unknown(chain, "time-contradicted", record=n, at=witness.stamp.at, start=chain.times[n])
    if last_seen >= chain.length:
        count = last_seen + 1 - chain.length
        yield Finding(
            state="missing", code="records-absent", place="chain", session=session, record=chain.length, count=count
        )
    newest = max(chain.signed, default=-1)
    if chain.closed_at is not None and newest > last_agreed:
        # The server brings every head to the log at once: who has a key of before, and nothing else, cannot. Of a
        # session that is not closed, or was while its log had been read already, the last moments may be on their way.
        is_on_its_way = now - ON_ITS_WAY_US < chain.times[newest] < now + LONGEST_US
        state: State = "unknown" if is_on_its_way else "incomplete"
        count = newest - last_agreed
        yield Finding(state=state, code="unlogged", place="chain", session=session, record=last_agreed + 1, count=count)
    if not found:
        yield Finding(state="unknown", code="no-witness", place="chain", session=session, count=chain.length)
        return
    yield from _told(chain, found)


def _told(chain: ChainRead, found: list[tuple[int, Witness]]) -> Iterator[Finding]:
    first = min(found, key=lambda seen: (not seen[1].pinned, seen[1].stamp.at, seen[1].checkpoint.size, -seen[0]))
    last = max(found, key=lambda seen: (seen[1].pinned, seen[0]))
    yield _stamped(chain, first, len(found))
    if last[0] != first[0]:
        yield _stamped(chain, last, len(found))
    until = first[1].stamp.at
    yield _unknown(chain, "before-witness", record=first[0], at=until)
    is_end = chain.closed_at is not None and last[0] == chain.length - 1
    if not is_end:
        yield _unknown(chain, "after-witness", record=last[0], count=chain.length - 1 - last[0], at=last[1].stamp.at)


def _stamped(chain: ChainRead, seen: tuple[int, Witness], count: int) -> Finding:
    n, witness = seen
    return Finding(
        state="stamped" if witness.pinned else "unknown",
        code="stamped" if witness.pinned else "authority-unpinned",
        place="chain",
        session=chain.session,
        record=n,
        count=count,
        start=chain.times.get(n, UNSET),
        at=witness.stamp.at,
        authority=witness.stamp.authority,
    )


def _unknown(
    chain: ChainRead, code: Code, *, record: int, at: int, count: int | None = None, start: int | None = None
) -> Finding:
    return Finding(
        state="unknown",
        code=code,
        place="chain",
        session=chain.session,
        record=record,
        at=at,
        start=UNSET if start is None else start,
        count=UNSET if count is None else count,
    )
