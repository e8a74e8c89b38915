"""Which checkpoints outside witnesses saw, and whether that still counts. Core: how tokens are checked is an argument.

A token proves something as long as its authority's certificate lasts; afterwards, if it is a leaf (`merkle`) of a later
checkpoint that was stamped before the end, by a token that counts itself.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509

from recorder.proof.errors import TokenRefused
from recorder.proof.findings import Code, Finding, State
from recorder.proof.ledger import response_digest
from recorder.proof.ledger_reading import Checkpoint, LedgerRead, Token
from recorder.proof.log import Cover, LogRead
from recorder.proof.tokens import Certificates, OtherCheck, Stamp, TokenUnreadable, TokenUnvouched, check


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the person who verifies brings from elsewhere, and what only came with the files."""

    now: int
    """Microseconds UTC."""
    first_key: str | None = None
    """The name of the server's first key."""
    roots: tuple[x509.Certificate, ...] = ()
    """Roots of time stamp authorities, known from elsewhere."""
    carried: tuple[x509.Certificate, ...] = ()
    """Certificates that came with the files: roots of no authority, and those between."""
    seen: tuple[str, ...] = ()
    """Names of checkpoints that somebody outside has seen before."""
    other_check: OtherCheck | None = None
    """The second way to check a token, `openssl.check`."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A token that was checked. `pinned`: its root was brought from elsewhere."""

    checkpoint: Checkpoint
    stamp: Stamp
    pinned: bool
    digest: str
    """SHA-256 of the response, as its leaf has it."""


@dataclass(slots=True)
class Witnesses:
    """All of a ledger, by the size of the tree that they saw."""

    by_size: dict[int, list[Witness]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def check_tokens(ledger: LedgerRead, trust: Trust) -> Witnesses:
    """Check every token of a ledger."""
    found = Witnesses()
    for token in ledger.tokens:
        checkpoint = ledger.checkpoints.get(token.checkpoint)
        if checkpoint is None:
            found.findings.append(_finding("missing", "token-wrong", token, "its checkpoint is not there"))
            continue
        witness = _witness(token, checkpoint, trust)
        if isinstance(witness, Finding):
            found.findings.append(witness)
        else:
            found.by_size.setdefault(checkpoint.size, []).append(witness)
    return found


def drop_ended(witnesses: Witnesses, log: LogRead, now: int) -> None:
    """Take out the witnesses of trees that the log does not give, and those whose certificates have ended.

    The latter with a finding, and unless a later token covers them.
    """
    counting: list[Witness] = []
    for size in sorted(witnesses.by_size, reverse=True):
        if log.proved is not None and size not in log.proved:
            del witnesses.by_size[size]
            continue
        kept = []
        for witness in witnesses.by_size[size]:
            if witness.stamp.not_after >= now or _is_renewed(witness, counting, log):
                kept.append(witness)
            else:
                witnesses.findings.append(
                    Finding(
                        state="unknown",
                        code="token-expired",
                        place="ledger",
                        at=witness.stamp.not_after,
                        authority=witness.stamp.authority,
                        count=size,
                    )
                )
        counting += kept
        witnesses.by_size[size] = kept


def _is_renewed(witness: Witness, counting: Sequence[Witness], log: LogRead) -> bool:
    cover = log.tokens.get(witness.digest)
    return cover is not None and any(
        later.stamp.at < witness.stamp.not_after and later.pinned >= witness.pinned and cover.has(later.checkpoint.size)
        for later in reversed(counting)
    )


class Earliest:
    """Finds the first witness of a leaf: one that was brought from elsewhere before one that came with the files."""

    def __init__(self, witnesses: Witnesses) -> None:
        self._sizes = sorted(size for size, found in witnesses.by_size.items() if found)
        self._by_size = witnesses.by_size
        self._from: list[Witness] = []
        """At each of `_sizes` the first witness of a tree of that size or a larger one."""
        for size in reversed(self._sizes):
            self._from.append(min([*self._from[-1:], *self._by_size[size]], key=_rank))
        self._from.reverse()

    def of(self, cover: Cover) -> Witness | None:
        """Give the first witness of a leaf with this cover."""
        if cover.and_larger:
            at = bisect_left(self._sizes, min(cover.sizes)) if cover.sizes else len(self._sizes)
            return self._from[at] if at < len(self._from) else None
        return min((w for size in cover.sizes for w in self._by_size.get(size, ())), key=_rank, default=None)


def _rank(witness: Witness) -> tuple[bool, int, int]:
    return not witness.pinned, witness.stamp.at, witness.checkpoint.size


def _witness(token: Token, checkpoint: Checkpoint, trust: Trust) -> Witness | Finding:
    digest = response_digest(token.response)
    lacking = "no root certificate to believe"
    unread = refused = ""
    for pinned, roots in ((True, trust.roots), (False, trust.carried)):
        if not roots:
            continue
        certificates = Certificates(roots, trust.carried)
        try:
            stamp = check(token.response, checkpoint.stamped, certificates, trust.other_check)
        except TokenUnreadable as error:
            unread = str(error)
        except TokenUnvouched as error:
            lacking = str(error)
        except TokenRefused as error:
            refused = str(error)
        else:
            return Witness(checkpoint, stamp, pinned, digest)
    if refused and not unread:
        return _finding("altered", "token-wrong", token, refused)
    # Who has another root may learn something from it, and nobody is told anything wrong by it.
    return _finding("unknown", "token-unchecked", token, unread or lacking)


def _finding(state: State, code: Code, token: Token, detail: str) -> Finding:
    return Finding(state=state, code=code, place="ledger", line=token.line, detail=detail)
