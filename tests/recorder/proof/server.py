"""A server's evidence as files in memory: two sessions, a log, checkpoints, and tokens of two real authorities."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cryptography import x509

from recorder.proof import lines, merkle, openssl, tokens
from recorder.proof.excerpt import excerpt
from recorder.proof.findings import Finding
from recorder.proof.ledger import Ledger, response_digest
from recorder.proof.merkle import HeadLeaf, TokenLeaf, Tree
from recorder.proof.records import SignedLine, hash_of, parse
from recorder.proof.signing import Ed25519Signer
from recorder.proof.stamps import Trust
from recorder.proof.verifying import Evidence, verify
from tests.recorder.proof.authority import Authority
from tests.recorder.proof.sessions import BEGIN, NEW, OLD, SECOND, Recording, record

Files = dict[str, bytes]
"""`ledger`, `leaves` or `proofs`, `chain/SESSION`, `tracks/TRACK/NAME`; the tracks are named by their session."""
SESSIONS = ("01HF00000000000000000000AA", "01HF00000000000000000000BB")
NOW = BEGIN + 100 * 365 * 86_400 * SECOND


@dataclass(slots=True)
class Server:
    """Makes evidence step by step, as the server would."""

    old: Ed25519Signer = OLD
    new: Ed25519Signer = NEW
    ledger: bytearray = field(default_factory=bytearray)
    leaves: bytearray = field(default_factory=bytearray)
    nodes: bytearray = field(default_factory=bytearray)
    responses: list[bytes] = field(default_factory=list)
    at: int = BEGIN
    writer: Ledger = field(init=False)
    tree: Tree = field(init=False)

    def __post_init__(self) -> None:
        self.writer = Ledger(self.old)
        self.tree = Tree(0, lambda at: bytes(self.nodes[at * 32 : at * 32 + 32]))
        self.ledger += self.writer.first_key(BEGIN)
        self.ledger += self.writer.rotate(self.new, BEGIN + 9 * SECOND)

    def log(self, leaf: HeadLeaf | TokenLeaf) -> None:
        text = merkle.leaf_text(leaf)
        self.leaves += text + b"\n"
        self.nodes += self.tree.append(text)

    def checkpoint(self) -> bytes:
        self.at += SECOND
        line = self.writer.checkpoint("n1", self.tree.size, self.tree.root(), self.at)
        self.ledger += line
        return line[:-1]

    def stamp(self, *authorities: Authority) -> None:
        """Stamp a checkpoint, keep the tokens, and cover them by another one."""
        stamped = self.checkpoint()
        for authority in authorities:
            response = authority.reply(tokens.request(stamped).as_bytes())
            self.responses.append(response)
            self.ledger += self.writer.token(stamped, response, self.at)
            self.log(TokenLeaf(digest=response_digest(response)))
        self.checkpoint()


def signed_in(recording: Recording) -> list[HeadLeaf]:
    """The leaves of a recording's heads and rotations."""
    parsed = [parse(line[:-1]) for line in recording.lines]
    return [
        HeadLeaf(session=recording.session, n=line.record.n, hash=hash_of(line.record))
        for line in parsed
        if isinstance(line, SignedLine)
    ]


def make(authorities: list[Authority], server: Server | None = None) -> tuple[Server, Files]:
    """Two sessions recorded side by side, stamped three times; the last head of each is behind the last token."""
    server = server or Server()
    recordings = [record(session, keys=(server.old, server.new)) for session in SESSIONS]
    files: Files = {}
    for recording in recordings:
        files[f"chain/{recording.session}"] = recording.text
        files |= recording.files
    pairs = list(zip(*map(signed_in, recordings), strict=True))
    for number, pair in enumerate(pairs):
        for leaf in pair:
            server.log(leaf)
        if number % 2 == 1 and number < len(pairs) - 1:
            server.stamp(*authorities)
    server.checkpoint()
    return server, files | {"ledger": bytes(server.ledger), "leaves": bytes(server.leaves)}


def bundle(server: Server, files: Files, session: str) -> Files:
    """What of it would be handed out for one session."""
    taken = excerpt(lambda: [bytes(server.ledger)], [bytes(server.leaves)], server.tree, {session})
    own = {name: data for name, data in files.items() if session in name}
    return own | {"ledger": taken.ledger, "proofs": taken.proofs}


def findings_of(
    files: Files,
    roots: Iterable[x509.Certificate],
    *,
    carried: Iterable[x509.Certificate] = (),
    first_key: str | None = None,
    now: int = NOW,
    piece: int = 1 << 16,
) -> list[Finding]:
    """Verify such files, read in pieces."""

    def pieces(name: str) -> list[bytes]:
        data = files[name]
        return [data[at : at + piece] for at in range(0, len(data), piece)]

    def opener(name: str) -> Callable[[], list[bytes]]:
        return lambda: pieces(name)

    evidence = Evidence(
        chains={name.split("/")[1]: opener(name) for name in files if name.startswith("chain/")},
        ledger=pieces("ledger") if "ledger" in files else (),
        leaves=pieces("leaves") if "leaves" in files else None,
        proofs=pieces("proofs") if "proofs" in files else (),
        read_file=lambda name: pieces(name) if name in files else None,
        present=[name for name in files if name.startswith("tracks/")],
    )
    trust = Trust(now=now, roots=tuple(roots), carried=tuple(carried), first_key=first_key, other_check=openssl.check)
    return list(verify(evidence, trust))


def lines_of(data: bytes) -> list[bytes]:
    return [line.text + (b"" if line.torn else b"\n") for line in lines.split([data])]
