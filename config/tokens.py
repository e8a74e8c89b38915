"""Access tokens: who may publish, watch or read the node's figures, until people sign in by name.

A file of its own beside the settings, because it is secret and they are not.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from config.decode import decode_tables, unknown_key
from config.errors import ConfigError, Words
from config.load import read_toml

#: `measure`: read the node's figures (`/metrics`) from another machine.
Verb = Literal["publish", "watch", "measure"]
_MAX_TOKENS = 10_000


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bearer token. An empty `sources` means every source."""

    name: Annotated[
        str, Meta(min_length=1, max_length=64, extra={"allowed": Words("1 到 64 个字", "1 to 64 characters")})
    ]
    secret: Annotated[
        str,
        Meta(
            # RFC 6750 section 2.1 allows these characters; 16 of them are the least that cannot be guessed.
            pattern=r"^[A-Za-z0-9._~+/=-]{16,256}\Z",
            extra={
                "secret": True,
                "allowed": Words(
                    "16 到 256 个字母、数字或 ._~+/=-",
                    "16 to 256 letters, digits or ._~+/=- (make one: huishang init)",
                ),
            },
        ),
    ]
    verbs: Annotated[
        tuple[Verb, ...],
        Meta(
            min_length=1,
            max_length=3,
            extra={"allowed": Words('"publish"、"watch"、"measure" 的列表', 'a list of "publish", "watch", "measure"')},
        ),
    ]
    sources: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=128)], ...],
        Meta(
            max_length=10_000,
            extra={"allowed": Words("信源名列表，[] 表示全部", "a list of sources, [] for all")},
        ),
    ] = ()

    def allows(self, verb: Verb, source: str | None) -> bool:
        """Tell whether the token covers `verb` on `source`; None asks about every source."""
        return verb in self.verbs and (not self.sources or source in self.sources)


def load_tokens(path: Path) -> tuple[Token, ...]:
    """Read the `[[token]]` entries of a file. Raises ConfigError; a secret never appears in its text."""
    document = read_toml(path)
    for key in document:
        if key != "token":
            raise unknown_key(str(path), "", key, ["[[token]]"])
    tokens = decode_tables(Token, document.get("token", []), str(path), "token", _MAX_TOKENS)
    names: set[str] = set()
    secrets: set[str] = set()
    for number, token in enumerate(tokens, 1):
        if token.name in names or token.secret in secrets:
            words = Words("名称与密钥不可重复", "its name and secret must be its own")
            raise ConfigError(str(path), f"token {number}", words)
        names.add(token.name)
        secrets.add(token.secret)
    return tokens
