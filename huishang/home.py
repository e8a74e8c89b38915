"""A node's data folder: settings, tokens, local authority. Makes what is missing, keeps what is there."""

import contextlib
import ipaddress
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config import Settings, Token, Verb, load_tokens, sample_text
from huishang.addresses import host_names, machine_addresses
from huishang.authority import AuthorityCreated, CertificateIssued, Names, ensure
from huishang.errors import StartError
from huishang.files import only_one, write_new_or_over

SETTINGS_FILE = "huishang.toml"
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
    """Make tokens and certificate where none are configured and the present ones are missing or run out.

    Raises StartError when the folder cannot be written or the authority is damaged.
    """
    changes: list[Change] = []
    with _faults_of(settings.data_path), only_one(settings.data_path):
        if not settings.access.tokens_file and not settings.tokens_path.exists():
            write_new_or_over(settings.tokens_path, _tokens_text().encode(), mode=0o600)
            changes.append(FileWritten(settings.tokens_path))
        if settings.http.tls and not settings.http.certificate:
            changes += ensure(settings.tls_path, settings.server.node, certificate_names(settings), now)
    return changes


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
