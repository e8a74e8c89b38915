"""The file of access tokens."""

from pathlib import Path

import pytest

from config import ConfigError, load_tokens
from config.tokens import Token

SECRET = "0123456789abcdef"


def read(text: str, tmp_path: Path) -> tuple[Token, ...]:
    """Load tokens from a file holding `text`."""
    path = tmp_path / "tokens.toml"
    path.write_text(text, encoding="utf-8")
    return load_tokens(path)


def entry(name: str = "one", secret: str = SECRET, more: str = 'verbs = ["watch"]') -> str:
    """Give one [[token]] table."""
    return f'[[token]]\nname = "{name}"\nsecret = "{secret}"\n{more}\n'


def test_tokens_are_read_in_order(tmp_path: Path) -> None:
    text = entry() + entry("东河乡", SECRET + "-2", 'verbs = ["publish", "watch"]\nsources = ["donghe"]')
    first, second = read(text, tmp_path)
    assert first == Token(name="one", secret=SECRET, verbs=("watch",))
    assert second == Token(name="东河乡", secret=SECRET + "-2", verbs=("publish", "watch"), sources=("donghe",))


def test_empty_file_has_no_tokens(tmp_path: Path) -> None:
    assert read("", tmp_path) == ()


def test_token_covers_its_verbs_on_its_sources_only() -> None:
    everywhere = Token(name="a", secret=SECRET, verbs=("watch",))
    assert everywhere.allows("watch", "any") and everywhere.allows("watch", None)
    assert not everywhere.allows("publish", "any")
    limited = Token(name="b", secret=SECRET, verbs=("watch",), sources=("yard",))
    assert limited.allows("watch", "yard")
    assert not limited.allows("watch", "gate") and not limited.allows("watch", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (entry(secret="short"), "token 1.secret"),
        (entry(secret="with space 12345678"), "token 1.secret"),
        (entry(more="verbs = []"), "token 1.verbs"),
        (entry(more='verbs = ["record"]'), "token 1.verbs"),
        (entry(more=""), "lacks verbs"),
        (entry(more='verb = ["watch"]'), "did you mean verbs?"),
        (entry() + entry(secret=SECRET + "x"), "token 2: "),
        (entry() + entry(name="two"), "token 2: "),
        ("token = 3", "must be [[token]] tables"),
        ("[[tokens]]", "[[token]]"),
    ],
)
def test_faulty_entry_is_named_without_its_secret(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    line = str(caught.value)
    assert says in line and "\n" not in line
    assert SECRET not in line and "with space" not in line and "'short'" not in line
