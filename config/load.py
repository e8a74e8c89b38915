"""Read settings: defaults, then a TOML file, then environment variables `HUISHANG_SECTION__KEY`.

Touches the one file it is given and the mapping it is given, nothing else. Every error is a `ConfigError`.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from config.check import check
from config.decode import decode_table, decode_tables, decode_value, field_types, list_of, unknown_key
from config.errors import ConfigError, Words
from config.settings import SQLITE, Settings

PREFIX = "HUISHANG_"
_MAX_FILE_BYTES = 1_048_576  # a settings file is a few kB; whatever is larger was named by mistake
#: Of one list such as `[[webhook]]`.
MAX_TABLES = 100
# Keys that hold paths: a relative one starts at the file's folder, without a file at the working directory.
_PATHS = (
    ("server", "data_dir"),
    ("http", "certificate"),
    ("http", "key"),
    ("access", "tokens_file"),
    ("recording", "folder"),
    ("recording", "time_stamp_certificates"),
)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Give the settings of `path` (None: defaults) overridden by `environ`, checked, with absolute paths.

    Raises ConfigError (one line: where, key, what is allowed).
    """
    settings = Settings() if path is None else decode_settings(read_toml(path), str(path))
    from_environ = _overrides(environ)
    settings = _with_values(settings, {key: value for key, (_, value) in from_environ.items()})

    def origin_of(key: str) -> str:
        section, _, name = key.partition(".")
        if (section, name) in from_environ:
            return from_environ[section, name][0]
        return str(path) if path is not None else "environment"

    check(settings, origin_of)
    return _absolute(settings, path, set(from_environ))


def decode_settings(document: dict[str, Any], origin: str) -> Settings:
    """Decode a parsed TOML document; neither rules between keys nor paths are looked at."""
    sections: dict[str, Any] = {}
    types = field_types(Settings)
    for name, value in document.items():
        if name not in types:
            known = [f"[[{section}]]" if list_of(type_) else f"[{section}]" for section, type_ in types.items()]
            raise unknown_key(origin, "", name, known)
        entry = list_of(types[name])
        if entry is None:
            sections[name] = decode_table(types[name], value, origin, name)
        else:
            sections[name] = decode_tables(entry, value, origin, name, MAX_TABLES)
    return Settings(**sections)


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file of at most 1 MiB. Raises ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(str(path), "", Words(f"无法读取：{reason}", f"cannot be read: {reason}")) from None
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError(str(path), "", Words("超过 1 MiB，不是配置文件", "larger than 1 MiB, not a settings file"))
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigError(str(path), "", Words(f"不是有效的 TOML：{reason}", f"is not valid TOML: {reason}")) from None


def sample_text() -> str:
    """Give the commented sample file, which equals the defaults."""
    return resources.files("config").joinpath("sample.toml").read_text(encoding="utf-8")


def _overrides(environ: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, Any]]:
    """Give (section, key) -> (variable's name, decoded value) for every setting in the environment."""
    # Lists of tables stand in the file only: a variable has no place for several values with names of their own.
    sections = {name: field_types(type_) for name, type_ in field_types(Settings).items() if not list_of(type_)}
    spelled = {f"{section}_{key}".upper(): (section, key) for section, keys in sections.items() for key in keys}
    found: dict[tuple[str, str], tuple[str, Any]] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        rest = variable.removeprefix(PREFIX)
        if "__" not in rest:
            # One underscore too few would be ignored in silence otherwise.
            if rest in spelled:
                right = f"{PREFIX}{'__'.join(spelled[rest]).upper()}"
                raise ConfigError(variable, "", Words(f"应写作 {right}", f"must be written {right}"))
            continue
        section, _, key = rest.lower().partition("__")
        if section not in sections:
            raise unknown_key(variable, "", section, list(sections))
        if key not in sections[section]:
            raise unknown_key(variable, section, key, list(sections[section]))
        type_ = sections[section][key]
        value = decode_value(environ[variable], type_, variable, f"{section}.{key}", from_text=True)
        found[section, key] = (variable, value)
    return found


def _with_values(settings: Settings, values: Mapping[tuple[str, str], Any]) -> Settings:
    for (section, key), value in values.items():
        changed = msgspec.structs.replace(getattr(settings, section), **{key: value})
        settings = msgspec.structs.replace(settings, **{section: changed})
    return settings


def _absolute(settings: Settings, path: Path | None, from_environ: set[tuple[str, str]]) -> Settings:
    def absolute(section: str, key: str, value: str) -> str:
        base = Path.cwd() if path is None or (section, key) in from_environ else path.absolute().parent
        return str(base / value)

    values: dict[tuple[str, str], Any] = {}
    for section, key in _PATHS:
        value = getattr(getattr(settings, section), key)
        if isinstance(value, tuple):
            values[section, key] = tuple(absolute(section, key, each) for each in value)
        elif value:
            values[section, key] = absolute(section, key, value)
    url = settings.database.url
    if url.startswith(SQLITE):
        values["database", "url"] = SQLITE + absolute("database", "url", url.removeprefix(SQLITE))
    return _with_values(settings, values)
