"""Writes the chain of one session. Core: gives lines, which the caller appends and brings to disk in this order.

Records are worth something once a head is behind them: append a head with every group of records that goes to disk
together, and give the group to the disk in one write. After a crash `resume` goes on behind the last head.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from recorder.proof import canonical, lines, records
from recorder.proof.digests import SHA256_ONLY, Algorithm, Digests, tagged
from recorder.proof.errors import ChainDamaged, KeyRefused, NotARecord, ProofError
from recorder.proof.records import Recorded, RecordedKind, Signed, SignedKind
from recorder.proof.signing import Signer, name_of


class Chain:
    """The end of a chain: what the next line needs to know."""

    def __init__(self, session: str, signer: Signer, algorithms: tuple[Algorithm, ...] = SHA256_ONLY) -> None:
        """Begin a chain; its first record is to be an opening. Raises NotARecord where this names no session."""
        records.check_session(session)
        self.session = session
        self.n = 0
        """Of the next record."""
        self.hash: Digests = records.begin_of(session, algorithms)
        """Of the last record."""
        self.is_closed = False
        """Whether there is a closure; only `records.AFTER_CLOSURE` may follow."""
        self._algorithms = algorithms
        self._signer = signer

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """Say by which algorithms its digests are, from its first record to its last."""
        return self._algorithms

    @property
    def key(self) -> str:
        """Name the key that signs."""
        return name_of(self._signer)

    def append(self, kind: RecordedKind, content: dict[str, Any], salt: bytes | None = None) -> bytes:
        """Give the line of something recorded. `salt` is made here unless a test brings one.

        Raises NotCanonical where the content cannot be written, NotARecord where the kind has no place here; the chain
        is as before then.
        """
        if (kind == "opening") != (self.n == 0):
            raise NotARecord("an opening begins a chain, and nothing else does")
        if self.is_closed and kind not in records.AFTER_CLOSURE:
            raise NotARecord(f"the chain is closed: no {kind}")
        salt = records.new_salt() if salt is None else salt
        digest = records.content_digests(canonical.encode(content), salt, self._algorithms)
        record = Recorded(n=self.n, session=self.session, kind=kind, digest=digest, prev=self.hash)
        line = lines.line({"content": content, "record": msgspec.to_builtins(record), "salt": salt.hex()})
        self.is_closed = self.is_closed or kind == "closure"
        self._advance(record)
        return line

    def head(self, at: int) -> bytes:
        """Give the line that signs all before it. `at`: microseconds UTC."""
        return self._signed("head", at, None)

    def rotate(self, signer: Signer, at: int) -> bytes:
        """Give the line with which the key so far hands over to another one, which the ledger must have before."""
        line = self._signed("rotation", at, name_of(signer))
        self._signer = signer
        return line

    def _signed(self, kind: SignedKind, at: int, successor: str | None) -> bytes:
        record = Signed(
            n=self.n,
            session=self.session,
            kind=kind,
            prev=self.hash,
            at=at,
            key=self.key,
            next=UNSET if successor is None else successor,
        )
        signature = self._signer.sign(tagged("record", canonical.encode_again(record)))
        self._advance(record)
        return lines.line({"record": msgspec.to_builtins(record), "signature": signature.hex()})

    def _advance(self, record: Recorded | Signed) -> None:
        self.hash = records.hash_of(record)
        self.n += 1

    @classmethod
    def resume(
        cls, session: str, signers: Mapping[str, Signer], pieces: Iterable[bytes], logged: int | None = None
    ) -> tuple["Chain", int]:
        """Go on with a chain that is on disk; returns it and the length to which its file is to be cut.

        It goes on with the key that it had, out of `signers` by name; `rotate` it where another is in force by now.
        What no head vouches for is cut: a group of records without its head never came to disk whole, and signing
        it now would vouch for lines that anybody may have put there. Only numbers and links are looked at, for
        verification looks at the rest.

        `logged` is the n of the last head that the log has, -1 where it has none: what is wrong behind that was never
        made sure of, a crash explains it, and it is cut. Raises ChainDamaged where something is wrong that no crash
        explains, or nothing signed is there (with -1 only this: begin the chain anew then), and KeyRefused where its
        key is not among the signers.
        """
        n, prev, is_closed = 0, None, False
        signed: tuple[int, Digests, str, int, bool] | None = None
        wrong: ChainDamaged | None = None
        for line in lines.split(pieces):
            if line.torn:
                break
            try:
                record = records.parse(line.text).record
            except ProofError as error:
                wrong = ChainDamaged(line.number, str(error))
                break
            prev = records.begin_of(session, record.prev.algorithms) if prev is None else prev
            if (record.session, record.n, record.prev) != (session, n, prev):
                wrong = ChainDamaged(line.number, "not what the line before leads to")
                break
            n, prev = n + 1, records.hash_of(record)
            is_closed = is_closed or record.kind == "closure"
            if isinstance(record, Signed):
                signed = n, prev, record.key if record.next is UNSET else record.next, line.end, is_closed
        if wrong is not None and (logged is None or signed is None or signed[0] <= logged) and logged != -1:
            raise wrong
        if signed is None:
            raise ChainDamaged(1, "nothing signed is there")
        n, prev, key, length, is_closed = signed
        if logged is not None and n <= logged:
            raise ChainDamaged(n + 1, f"ends before record {logged}, which the log has")
        if key not in signers:
            raise KeyRefused(f"the chain goes on with key {key}, which is not there")
        chain = cls(session, signers[key], prev.algorithms)
        chain.n, chain.hash, chain.is_closed = n, prev, is_closed
        return chain, length
