"""A node's data folder: settings, tokens, local authority. Makes what is missing, keeps what is there."""

import contextlib
import ipaddress
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from config import Settings, Token, Verb, load_tokens, sample_text
from huishang.addresses import host_names, machine_addresses
from huishang.authority import AuthorityCreated, CertificateIssued, Names, ensure
from huishang.errors import StartError
from huishang.files import only_one, write_new_or_over
from signaling.auth.tokens import KEY_BYTES, Key, KeyFile

SETTINGS_FILE = "huishang.toml"
ACCESS_KEYS_FILE = "access-keys.json"
_SAMPLE_DATA_DIR = 'data_dir = "./var"'
_FIRST_TOKENS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    ("publish", ("publish",)),
    ("watch", ("watch",)),
    ("all", ("publish", "watch")),
)


@dataclass(frozen=True, slots=True)
class FileWritten:
    """A file that was not there before."""

    path: Path


Change = FileWritten | AuthorityCreated | CertificateIssued


def write_settings(folder: Path) -> list[Change]:
    """Put the sample settings into `folder`, which becomes its data folder, unless some are there."""
    path = folder / SETTINGS_FILE
    with _faults_of(folder), only_one(folder):
        if path.exists():
            return []
        sample = sample_text()
        if _SAMPLE_DATA_DIR not in sample:
            raise AssertionError(f"the sample settings lack {_SAMPLE_DATA_DIR}")
        write_new_or_over(path, sample.replace(_SAMPLE_DATA_DIR, 'data_dir = "."').encode(), mode=0o644)
        return [FileWritten(path)]


def prepare(settings: Settings, now: datetime) -> list[Change]:
    """Make tokens, keys and certificate where none are configured and the present ones are missing or run out.

    Raises StartError when the folder cannot be written or the authority is damaged.
    """
    changes: list[Change] = []
    with _faults_of(settings.data_path), only_one(settings.data_path):
        if not settings.access.tokens_file and not settings.tokens_path.exists():
            write_new_or_over(settings.tokens_path, _tokens_text().encode(), mode=0o600)
            changes.append(FileWritten(settings.tokens_path))
        changes += _ensure_access_keys(settings.data_path / ACCESS_KEYS_FILE, now)
        if settings.http.tls and not settings.http.certificate:
            changes += ensure(settings.tls_path, settings.server.node, certificate_names(settings), now)
    return changes


def access_keys(settings: Settings) -> tuple[Key, ...]:
    """Give the keys of access tokens that `prepare` made, the newest first. Raises StartError when unreadable."""
    with _faults_of(settings.data_path):
        return _read_access_keys(settings.data_path / ACCESS_KEYS_FILE).keys


def certificate_names(settings: Settings) -> Names:
    """Give what people may type to reach this node: its names, its addresses and the advertised ones."""
    advertised = [ipaddress.ip_address(text) for text in settings.media.advertised_addresses]
    own = machine_addresses()
    return Names(tuple(host_names()), (*own, *(address for address in advertised if address not in own)))


def everyday_token(settings: Settings) -> Token | None:
    """Give a token that may publish and watch everything, None if there is none. Raises ConfigError."""
    for token in load_tokens(settings.tokens_path):
        if token.allows("publish", None) and token.allows("watch", None) and not token.sources:
            return token
    return None


def _ensure_access_keys(path: Path, now: datetime) -> list[Change]:
    kept = _read_access_keys(path)
    rotated = kept.rotated(int(now.timestamp()) * 1_000_000, secrets.token_hex(8), secrets.token_bytes(KEY_BYTES))
    if rotated is None:
        return []
    write_new_or_over(path, msgspec.json.encode(rotated), mode=0o600)
    return [] if kept.keys else [FileWritten(path)]


def _read_access_keys(path: Path) -> KeyFile:
    """Give the file's keys, none where it is absent or damaged: what they signed is renewed within ten minutes."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=KeyFile)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return KeyFile()
    sound = file.v == 1 and all(len(key.secret) >= KEY_BYTES for key in file.keys)
    return file if sound else KeyFile()


def _tokens_text() -> str:
    lines = [
        "# Access tokens of this node. Keep this file secret. / 本节点的访问令牌，请保密。",
        '# verbs: "publish", "watch", "measure" (figures); sources = ["id"] limits a token to some sources.',
        "# Read at start. / 启动时读取。",
    ]
    for name, verbs in _FIRST_TOKENS:
        secret = secrets.token_urlsafe(24)
        lines += ["", "[[token]]", f'name = "{name}"', f'secret = "{secret}"', f"verbs = {json.dumps(verbs)}"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _faults_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or folder
        raise StartError(f"{place}: 无法读写 / cannot be read or written: {error.strerror or error}") from None
