"""Keys on disk, and one following another with a crash between any two steps."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from huishang.files import write_new_or_over
from recorder.proof.chain import Chain
from recorder.proof.chain_reading import read_chain
from recorder.proof.errors import KeyRefused
from recorder.proof.keys import key_in_force, read_keys
from recorder.proof.ledger import Ledger
from recorder.proof.ledger_end import read_end
from recorder.proof.ledger_reading import read_ledger
from recorder.proof.signing import Ed25519Signer, is_signed, name_of


def test_a_key_is_kept_as_the_authoritys_is_and_read_back(tmp_path: Path) -> None:
    signer = Ed25519Signer.generate()
    path = tmp_path / "keys" / "first.key"
    write_new_or_over(path, signer.pem(), mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (read,) = read_keys([path.read_bytes()]).values()
    assert name_of(read) == name_of(signer)
    assert is_signed(read.algorithm, signer.public, b"data", read.sign(b"data"))
    assert not is_signed("sm2", signer.public, b"data", read.sign(b"data"))


def test_what_is_no_such_key_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (b"", b"not a key", pem, Ed25519Signer.generate().pem()[:-40]):
        with pytest.raises(KeyRefused):
            read_keys([data])


@pytest.mark.parametrize("steps", range(4))
def test_a_rotation_can_be_gone_on_with_after_every_step(steps: int) -> None:
    old, new = Ed25519Signer.generate(), Ed25519Signer.generate()
    files, ledger = [old.pem()], Ledger(old)
    text = ledger.first_key(1)
    chain = Chain("s", old)
    lines = chain.append("opening", {"at": 1}) + chain.head(1)
    files += [new.pem()] if steps > 0 else []
    text += ledger.rotate(new, 2) if steps > 1 else b""
    lines += chain.rotate(new, 2) if steps > 2 else b""

    signers = read_keys(files)
    end = read_end([text])
    in_force = key_in_force(end.keys, signers)
    assert name_of(in_force) == name_of(new if steps > 1 else old)
    assert end.length == len(text)
    resumed = Ledger(in_force, end.n, end.prev)
    text += resumed.checkpoint("n", 0, bytes(32), 3)
    again, _ = Chain.resume("s", signers, [lines])
    if again.key != name_of(in_force):
        lines += again.rotate(in_force, 3)
    lines += again.append("closure", {"at": 3}) + again.head(3)
    after = read_ledger([text], name_of(old))
    assert [finding.code for finding in after.findings] == ["ledger-intact"]
    assert [finding.code for finding in read_chain("s", [lines], after.keys).findings] == ["chain-intact"]


def test_a_ledger_whose_key_is_gone_is_not_gone_on_with() -> None:
    old = Ed25519Signer.generate()
    keys = read_end([Ledger(old).first_key(1)]).keys
    with pytest.raises(KeyRefused):
        key_in_force(keys, {})
    with pytest.raises(KeyRefused):
        key_in_force([], {name_of(old): old})
