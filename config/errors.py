"""The package's one error, and the two-language words it is made of."""

from dataclasses import dataclass

_SHOWN_CHARS = 80  # of a refused value: enough to recognise it, short enough for one line


@dataclass(frozen=True, slots=True)
class Words:
    """The same statement in Chinese and English."""

    zh: str
    en: str


class ConfigError(Exception):
    """A setting that cannot be used. `str()` is one line: where it stands, its key, what is allowed."""

    def __init__(self, origin: str, key: str, problem: Words) -> None:
        self.origin = origin
        self.key = key
        self.problem = problem
        place = f"{origin}: {key}" if key else origin
        super().__init__(one_line(f"{place}: {problem.zh} / {problem.en}"))


def one_line(text: str) -> str:
    """Replace whatever could break or disguise a line (line breaks, escapes, direction marks) by `?`."""
    return "".join(character if character.isprintable() else "?" for character in text)


def shown(value: object) -> str:
    """Render a refused value for a message, shortened."""
    # TOML spells these lower-case; Python's repr would send people looking for a True they never wrote.
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
