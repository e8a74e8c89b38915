"""The server's signing keys, and the steps in which one follows another. Core: keys come as the bytes of files.

Each key is a file of its own, PEM (`signing`), with the mode 0600 from its first byte as the local authority's key has
(`huishang.files.write_new_or_over`). Which one signs is not a matter of files: it is the last that the ledger names. So
a new key comes into force like this, and a crash between two steps leaves nothing that cannot be gone on with:

    1  the new key's file is on disk
    2  the ledger's line that names it (`Ledger.rotate`) is on disk
    3  every open chain goes on with a rotation (`Chain.rotate`); a chain found later is resumed with its old key first
    4  the old file may go when no open chain needs it any more
"""

from collections.abc import Iterable, Mapping, Sequence

from recorder.proof.errors import KeyRefused
from recorder.proof.signing import Ed25519Signer, Signer, name_of


def read_keys(files: Iterable[bytes]) -> dict[str, Signer]:
    """Give the signers in these files, by name. Raises KeyRefused."""
    signers = [Ed25519Signer.from_pem(pem) for pem in files]
    return {name_of(signer): signer for signer in signers}


def key_in_force(keys: Sequence[str], signers: Mapping[str, Signer]) -> Signer:
    """Give the signer of a ledger's last key (`LedgerEnd.keys`). Raises KeyRefused where it is not among these."""
    if not keys:
        raise KeyRefused("the ledger names no key")
    if keys[-1] not in signers:
        raise KeyRefused(f"the ledger goes on with key {keys[-1]}, which is not there")
    return signers[keys[-1]]
