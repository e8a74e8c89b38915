"""What verification says: data with codes, for a command line and for JSON. Sentences are made elsewhere.

States, the worst first:

    altered      what stands there was not written by who signed it, or not there, or not so
    missing      something that was recorded is not there
    incomplete   an end is torn or not signed: interrupted, or cut
    unknown      what these files cannot prove, each with its reason
    deleted      taken away by a policy, as a signed record says
    stamped      an outside witness saw it
    intact       proved to be as it was written

Files are sound when nothing worse than `unknown` was found.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

State = Literal["altered", "missing", "incomplete", "unknown", "deleted", "stamped", "intact"]
ORDER: tuple[State, ...] = ("altered", "missing", "incomplete", "unknown", "deleted", "stamped", "intact")

Code = Literal[
    # Any file of lines; `place` says which.
    "line-unreadable",  # altered: not a line of this file, or not canonical
    "line-torn",  # incomplete: the last line has no end
    "link-broken",  # altered: what stands before `record` is not what it was when `record` was written
    "order-broken",  # altered: numbers repeat or go back
    "lines-absent",  # missing: `count` from `record` on
    "key-unknown",  # altered: signed by a key that is not in the ledger, or not in force there
    "signature-wrong",  # altered
    # Chains.
    "empty",  # incomplete: not even an opening
    "session-wrong",  # altered: a record of another session
    "content-altered",  # altered: content or salt do not give the digest
    "content-unusable",  # altered: a digest over something that is no segment or deletion
    "withheld",  # unknown: `count` contents, the first is `record`
    "unsigned-end",  # incomplete: `count` records from `record` on have no head; leaves behind the last checkpoint
    "not-closed",  # incomplete: no closure
    "after-closure",  # altered
    "chain-intact",  # intact: `count` records; `detail` names the digests
    # Files of segments: track, start, end, file, record.
    "file-altered",  # altered
    "file-missing",  # missing
    "file-deleted",  # deleted: `detail` is the policy
    "files-intact",  # intact: `count` files; `detail` names the digests by which
    "file-unvouched",  # incomplete: as its record says, for which no head vouches
    "file-unrecorded",  # altered: no chain names it (without a session)
    "file-open",  # incomplete: being written, or left so by a crash; no chain can name it yet (without a session)
    "file-beside",  # unknown: nothing here vouches for `file`, and nothing that is proved rests on it
    # Ledger, log, proofs.
    "ledger-intact",  # intact: `count` lines
    "ledger-excerpt",  # unknown: `count` lines of the ledger are not among these files
    "older-copy",  # unknown: these may be an older copy; the newest checkpoint, of `at`, is named by `detail`
    "checkpoint-absent",  # missing: a checkpoint that somebody outside has seen, named by `detail`, is not there
    "key-unpinned",  # unknown: nobody outside said that this is the server's first key
    "key-not-pinned-one",  # altered
    "log-intact",  # intact: `count` leaves of a whole log, or proofs
    "root-wrong",  # altered: leaves do not give a checkpoint's root; `start` to `end` are numbers of leaves
    "leaves-absent",  # missing: fewer leaves than a checkpoint counts
    "proof-wrong",  # altered
    "log-differs",  # altered: the log had another record in this place
    "records-absent",  # missing: the log has `record`, the chain ends before
    # Closed, but the log has not seen the last `count` records, from `record` on: incomplete; unknown of just now.
    "unlogged",
    # Tokens and witnesses.
    "token-wrong",  # altered
    "token-absent",  # missing: the log names a token that is not there
    "token-unchecked",  # unknown: nothing here can read it, or no root leads to its signer; `detail` says which
    "token-expired",  # unknown: the authority's certificate has ended and no later token covers this one
    "stamped",  # stamped: up to `record`, at `at`, by `authority`: the first and the last of `count` of a session
    "authority-unpinned",  # unknown: the same, but the authority's root came with the files
    "no-witness",  # unknown: no token covers any of the session: who has the key may have made all of it anew
    "before-witness",  # unknown: up to `record`, made anew with the same key before `at`, would look the same
    "time-contradicted",  # unknown: by the server's clock `record` was made at `start`, and a witness saw it at `at`
    "after-witness",  # unknown: what was written after `record` may have been cut or made anew
    "certificate-unusable",  # unknown: the certificates in `file` cannot be read, or are not those of its name
    # A journal that is held against what chains have of it (`huishang.verify_journal`).
    "events-intact",  # intact: `count` events of a session are in the journal as in its chain
    "event-differs",  # altered: the journal has the entry of `record`, named by `detail`, otherwise
    "event-absent",  # missing: the journal does not have the entry of `record`, named by `detail`
    "journal-damaged",  # altered: `line` of `file` is not as it was written
    # Of findings.
    "more",  # altered: there is more than was counted
]


class Finding(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One finding. Times are microseconds UTC; members that say nothing about it are absent."""

    state: State
    code: Code
    place: str = ""
    """`chain`, `ledger`, `log`, `proofs`, `files` or `journal`."""
    session: str = ""
    line: int | UnsetType = UNSET
    """From 1, in the file of `place`."""
    record: int | UnsetType = UNSET
    count: int | UnsetType = UNSET
    track: str = ""
    file: str = ""
    start: int | UnsetType = UNSET
    end: int | UnsetType = UNSET
    at: int | UnsetType = UNSET
    authority: str = ""
    detail: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """Give the worst state among them, `intact` of none."""
    return min((finding.state for finding in findings), key=ORDER.index, default="intact")


def is_sound(findings: Iterable[Finding]) -> bool:
    """Tell whether all that can be proved is proved."""
    return ORDER.index(worst(findings)) >= ORDER.index("unknown")
