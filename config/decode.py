"""A parsed TOML table into a struct, one key at a time, with errors that say what is allowed.

`msgspec` alone words its faults for programmers; here every fault knows its key, origin and what is allowed.
Pure: touches neither files nor the environment.
"""

import difflib
import math
import tomllib
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from config.errors import ConfigError, Words, one_line, shown

S = TypeVar("S", bound=msgspec.Struct)


def field_types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Give the annotated type of every field, in order."""
    hints = get_type_hints(struct, include_extras=True)
    return {name: hints[name] for name in struct.__struct_fields__}


def decode_table(struct: type[S], table: object, origin: str, prefix: str) -> S:
    """Build `struct` from a TOML table whose keys are called `prefix.key` in errors.

    Raises ConfigError for what is not a table, an unknown key, a missing one or a value not allowed.
    """
    if not isinstance(table, dict):
        problem = Words(f"应为表 [{prefix}]", f"must be a table [{prefix}]")
        raise ConfigError(origin, prefix, problem)
    types = field_types(struct)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in types:
            raise unknown_key(origin, prefix, key, list(types))
        values[key] = decode_value(value, types[key], origin, f"{prefix}.{key}")
    try:
        return struct(**values)
    except TypeError:
        missing = ", ".join(name for name in _required(struct) if name not in values)
        raise ConfigError(origin, prefix, Words(f"缺少 {missing}", f"lacks {missing}")) from None


def list_of(type_: Any) -> type[msgspec.Struct] | None:
    """Return the struct of a setting that is a list of tables (`[[name]]`), None of one that is not."""
    entry = get_args(type_)[0] if get_origin(type_) is tuple else None
    return entry if isinstance(entry, type) and issubclass(entry, msgspec.Struct) else None


def decode_tables(struct: type[S], tables: object, origin: str, name: str, most: int) -> tuple[S, ...]:
    """Build a struct of each of the tables `[[name]]`, called `name 1` and so on in errors. Raises ConfigError."""
    if not isinstance(tables, list) or len(tables) > most:
        words = Words(f"应为 [[{name}]] 表，至多 {most} 个", f"must be [[{name}]] tables, {most} at most")
        raise ConfigError(origin, name, words)
    return tuple(decode_table(struct, table, origin, f"{name} {number}") for number, table in enumerate(tables, 1))


def decode_value(value: object, type_: Any, origin: str, key: str, *, from_text: bool = False) -> Any:
    """Convert one value; `from_text` accepts the text of an environment variable (`8443`, `true`, `a,b`)."""
    try:
        if from_text:
            value = _from_text(str(value), type_)
        decoded = msgspec.convert(value, type_, strict=not from_text)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, OverflowError):
        raise not_allowed(value, type_, origin, key) from None
    bad_text = isinstance(decoded, str) and one_line(decoded) != decoded
    if bad_text or (isinstance(decoded, float) and not math.isfinite(decoded)):
        raise not_allowed(value, type_, origin, key)
    return decoded


def not_allowed(value: object, type_: Any, origin: str, key: str) -> ConfigError:
    """Build the error for a value that its type refuses."""
    words = allowed(type_)
    seen = "***" if _is_secret(type_) else shown(value)
    problem = Words(f"{seen} 无效，应为 {words.zh}", f"{seen} is not allowed, expected {words.en}")
    return ConfigError(origin, key, problem)


def unknown_key(origin: str, prefix: str, key: str, known: list[str]) -> ConfigError:
    """Build the error for a key nobody reads, with the nearest one that exists."""
    near = difflib.get_close_matches(key, known, n=1)
    hint = Words(f"，是否指 {near[0]}？", f", did you mean {near[0]}?") if near else Words("", "")
    name = f"{prefix}.{key}" if prefix else key
    english = f"no such key{hint.en or ','} allowed: {', '.join(known)}"
    return ConfigError(origin, name, Words(f"没有这个设置{hint.zh}", english))


def allowed(type_: Any) -> Words:
    """Say what values a type takes."""
    if get_origin(type_) is Annotated:
        for meta in type_.__metadata__:
            words = (meta.extra or {}).get("allowed") if isinstance(meta, msgspec.Meta) else None
            if isinstance(words, Words):
                return words
        return allowed(get_args(type_)[0])
    if get_origin(type_) is Literal:
        names = ", ".join(f'"{name}"' for name in get_args(type_))
        return Words(f"{names} 之一", f"one of {names}")
    if type_ is bool:
        return Words("true 或 false", "true or false")
    return Words("文字", "a text")


def _is_secret(type_: Any) -> bool:
    metas = type_.__metadata__ if get_origin(type_) is Annotated else ()
    return any((meta.extra or {}).get("secret", False) for meta in metas if isinstance(meta, msgspec.Meta))


def _from_text(text: str, type_: Any) -> object:
    base = get_args(type_)[0] if get_origin(type_) is Annotated else type_
    if get_origin(base) is not tuple:
        return text
    if text.lstrip().startswith("["):
        return tomllib.loads(f"value = {text}")["value"]
    return [item.strip() for item in text.split(",")] if text.strip() else []


def _required(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct) if field.required]
