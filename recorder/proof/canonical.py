"""Canonical JSON: one value, one sequence of bytes. Core: no I/O.

What is hashed and signed is JSON by RFC 8785, of which only this much is allowed: null, booleans, strings that are
Unicode, integers of at most 2**53 - 1 either way, lists, and objects whose names are printable ASCII. Without floats
the number formatting of RFC 8785 section 3.2.2.3 comes down to decimal digits, and such names sort the same by bytes as
by UTF-16 units (section 3.2.3). At most `MAX_BYTES` long and `MAX_DEPTH` deep.

msgspec writes it (0.5 us for a record; the package rfc8785 takes 44) and is held to that package in the tests.
"""

from typing import Any

import msgspec

from recorder.proof.errors import NotCanonical

MAX_BYTES = 1 << 18
"""Of one value; a segment's record has some 600 bytes."""
MAX_DEPTH = 16
MAX_INTEGER = (1 << 53) - 1
MAX_NAME_CHARACTERS = 64

_encoder = msgspec.json.Encoder(order="sorted")


def encode(value: object) -> bytes:
    """Give the canonical bytes of a value, or of a struct. Raises NotCanonical where it is none that is allowed."""
    plain = msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
    _check(plain, 0)
    try:
        text = _encoder.encode(plain)
    except UnicodeEncodeError as error:
        raise NotCanonical("a string that is not Unicode") from error
    if len(text) > MAX_BYTES:
        raise NotCanonical(f"{len(text)} bytes, at most {MAX_BYTES}")
    return text


def encode_again(value: object) -> bytes:
    """Do the same for what `decode` gave, for a part of it, or for a struct made of that: it needs no second look."""
    return _encoder.encode(value)


def decode(text: bytes) -> Any:
    """Read a value back. Raises NotCanonical where these bytes are not what `encode` gives for it."""
    if len(text) > MAX_BYTES:
        raise NotCanonical(f"{len(text)} bytes, at most {MAX_BYTES}")
    try:
        value = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotCanonical(str(error)) from error
    _check(value, 0)
    # Only the encoder knows: spaces, another order, a name twice, an escape that need not be, minus zero.
    if _encoder.encode(value) != text:
        raise NotCanonical("not in canonical form")
    return value


def _refuse_float(text: str) -> float:
    raise ValueError(f"{text[:40]} is no integer")


_decoder = msgspec.json.Decoder(float_hook=_refuse_float)


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise NotCanonical("an integer beyond 2**53 - 1")
    elif depth == MAX_DEPTH:
        raise NotCanonical(f"deeper than {MAX_DEPTH}")
    elif isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str) or len(name) > MAX_NAME_CHARACTERS:
                raise NotCanonical("a name that is too long, or none")
            if not (name.isascii() and name.isprintable()):
                raise NotCanonical("a name that is not of printable ASCII")
            if member.__class__ is not str:  # most are
                _check(member, depth + 1)
    elif isinstance(value, list | tuple):
        for member in value:
            _check(member, depth + 1)
    else:
        raise NotCanonical(f"{type(value).__name__} has no canonical form")
