"""A verifier that knows nothing of ours: written from the docstrings of the formats, with what everybody has.

It says yes or raises; the product says what is wrong where. Tokens it leaves to `openssl ts -verify`.
"""

import hashlib
import json
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def tagged(tag: str, *parts: bytes) -> bytes:
    return b"huishang/" + tag.encode() + b"/1\n" + b"".join(parts)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sums(names: list[str], data: bytes) -> dict[str, str]:
    return {name: hashlib.new(name, data).hexdigest() for name in names}


def objects(data: bytes) -> list[tuple[bytes, Any]]:
    assert data.endswith(b"\n")
    texts = data[:-1].split(b"\n")
    found = [(text, json.loads(text)) for text in texts]
    assert all(rfc8785.dumps(value) == text for text, value in found)
    return found


def verify_ledger(data: bytes) -> tuple[dict[str, bytes], dict[int, str]]:
    """Give the public keys by name, and the roots by size."""
    keys: dict[str, bytes] = {}
    roots: dict[int, str] = {}
    previous, in_force = "0" * 64, None
    for number, (text, line) in enumerate(objects(data)):
        entry = line["record"]
        assert (entry["v"], entry["n"], entry["prev"]) == (1, number, previous)
        previous = sha256(tagged("ledger", text))
        if entry["kind"] == "key":
            public = bytes.fromhex(entry["public"])
            name = sha256(tagged("key", entry["algorithm"].encode(), b"\n", public))
            keys[name] = public
            in_force = in_force or name
        assert entry["key"] == in_force
        signed = tagged("entry", rfc8785.dumps(entry))
        Ed25519PublicKey.from_public_bytes(keys[entry["key"]]).verify(bytes.fromhex(line["signature"]), signed)
        in_force = name if entry["kind"] == "key" else in_force
        if entry["kind"] == "checkpoint":
            roots[entry["size"]] = entry["root"]
    return keys, roots


def verify_chain(session: str, data: bytes, keys: dict[str, bytes], files: dict[str, bytes]) -> dict[int, Any]:
    """Give the digests of heads and rotations by their numbers."""
    heads: dict[int, Any] = {}
    previous: dict[str, str] | None = None
    deleted: set[int] = set()
    segments: dict[int, Any] = {}
    in_force: str | None = None
    for number, (_, line) in enumerate(objects(data)):
        record = line["record"]
        names = sorted(record["prev"])
        previous = previous or sums(names, tagged("chain", session.encode()))
        assert (record["v"], record["n"], record["session"], record["prev"]) == (1, number, session, previous)
        previous = sums(names, tagged("record", rfc8785.dumps(record)))
        if "signature" in line:
            assert record["key"] == (in_force or record["key"])
            key = Ed25519PublicKey.from_public_bytes(keys[record["key"]])
            key.verify(bytes.fromhex(line["signature"]), tagged("record", rfc8785.dumps(record)))
            in_force = record.get("next", record["key"])
            heads[number] = previous
        elif "content" in line:
            content = line["content"]
            salted = tagged("content", bytes.fromhex(line["salt"]), rfc8785.dumps(content))
            assert sums(names, salted) == record["digest"]
            if record["kind"] == "segment":
                segments[number] = content
            if record["kind"] == "deletion":
                deleted |= set(content["records"])
    assert "signature" in line
    for number, segment in segments.items():
        if number not in deleted:
            data = files[segment["file"]]
            assert len(data) == segment["bytes"] and sums(sorted(segment["digest"]), data) == segment["digest"]
    return heads


def root(leaves: list[bytes]) -> str:
    """RFC 9162 section 2.1.1."""

    def mth(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return hashlib.sha256(b"\0" + part[0]).digest()
        k = 1 << (len(part) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + mth(part[:k]) + mth(part[k:])).digest()

    return mth(leaves).hex() if leaves else hashlib.sha256().hexdigest()


def verify_log(data: bytes, roots: dict[int, str], heads: dict[str, dict[int, Any]]) -> None:
    leaves = objects(data)
    for size, signed in roots.items():
        assert root([text for text, _ in leaves[:size]]) == signed
    assert len(leaves) in roots
    for _, leaf in leaves:
        if leaf["kind"] == "head":
            assert heads[leaf["session"]][leaf["n"]] == leaf["hash"]
