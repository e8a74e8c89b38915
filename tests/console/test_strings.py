"""Every word people read is in both tables, every key in the tables is used, and no words hide in code."""

import re
from pathlib import Path

import pytest

from console import STATIC
from dispatch.errors import Refused
from dispatch.journal.errors import JournalBroken, JournalBusy, JournalClosed, JournalFull
from signaling.http.problem import CODES

TABLES = STATIC / "js" / "i18n"
MODULES = sorted(path for path in (STATIC / "js").rglob("*.js") if TABLES not in path.parents)
LINE = re.compile(r'^  "(?P<key>[\w.-]+)": "(?P<text>(?:[^"\\]|\\.)*)",$')
CJK = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`((?:[^`\\]|\\.)*)`')
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)
PLACEHOLDER = re.compile(r"\{(\w+)\}")

# Drawn or matched, not said: the unit names that are recognised, a font list, a key of a Chinese keyboard.
CJK_ALLOWED = {"names.js": "TAGS", "keyboard.js": "？"}


def table(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((TABLES / name).glob("*.js")):
        for line in path.read_text().splitlines():
            if not line.startswith("  "):
                continue
            match = LINE.match(line)
            assert match, f"{path.name}: not a table line: {line}"
            assert match["key"] not in found, f"{path.name}: {match['key']} twice"
            found[match["key"]] = match["text"]
    return found


def code(path: Path) -> str:
    return COMMENT.sub("", path.read_text())


def strings(source: str) -> list[str]:
    return [next(part for part in match.groups() if part is not None) for match in STRING.finditer(source)]


def to_pattern(text: str) -> str:
    """A key as a pattern: whatever a template computes may be any one part of it."""
    return "".join(r"[\w-]+" if part.startswith("${") else re.escape(part) for part in re.split(r"(\$\{[^}]*\})", text))


def used_patterns() -> list[re.Pattern[str]]:
    """Keys as they stand in code: whole, or with a computed part."""
    patterns = [re.escape(key) for key in re.findall(r'data-i18n="([^"]+)"', (STATIC / "index.html").read_text())]
    for path in MODULES:
        for text in strings(code(path)):
            if re.match(r"[a-z]\w*\.", text):
                patterns.append(to_pattern(text))
    return [re.compile(pattern) for pattern in patterns]


def test_both_languages_have_the_same_keys() -> None:
    assert set(table("zh")) == set(table("en"))


def test_both_languages_fill_in_the_same_values() -> None:
    zh, en = table("zh"), table("en")
    for key in zh:
        assert sorted(PLACEHOLDER.findall(zh[key])) == sorted(PLACEHOLDER.findall(en[key])), key


def test_no_text_is_empty_and_chinese_is_chinese() -> None:
    zh, en = table("zh"), table("en")
    for key, text in zh.items():
        assert text.strip() and en[key].strip(), key
        assert CJK.search(text) or key == "top.otherLanguage", key
    for key, text in en.items():
        assert not CJK.search(text) or key in ("top.otherLanguage", "keys.language"), key


def test_every_key_is_used() -> None:
    patterns = used_patterns()
    unused = [key for key in table("zh") if not any(pattern.fullmatch(key) for pattern in patterns)]
    assert unused == []


def test_every_key_asked_for_exists() -> None:
    keys = set(table("zh"))
    for path in MODULES:
        source = code(path)
        asked = re.findall(r'(?<![\w.])t\(\s*"([^"]+)"', source)
        for choice in re.findall(r"(?<![\w.])t\(([^;\n]*?\?[^;\n]*)\)", source):
            asked += re.findall(r'"([a-z]\w*\.[\w.]+)"', choice)
        for key in asked:
            assert key in keys, f"{path.name}: {key}"
        for template in re.findall(r"(?<![\w.])t\(`([^`]+)`", source):
            pattern = re.compile(to_pattern(template))
            assert any(pattern.fullmatch(key) for key in keys), f"{path.name}: {template}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(STATIC)))
def test_no_words_in_code(path: Path) -> None:
    name = path.name
    source = code(path)
    if name in CJK_ALLOWED:
        assert CJK_ALLOWED[name] in source
    else:
        for text in strings(source):
            assert not CJK.search(text), f"{name}: {text}"
    for text in strings(source):
        plain = re.sub(r"\$\{.*?\}", "", text)
        words = re.findall(r"[A-Za-z]{2,} [A-Za-z]{2,}", plain)
        # Lists that CSS, SVG or a selector reads are not sentences.
        if words and not re.search(r"[,#.:\[\]0-9]", plain):
            raise AssertionError(f"{name}: {text!r} belongs in the tables")


def test_no_words_in_markup() -> None:
    html = (STATIC / "index.html").read_text()
    texts = re.findall(r">([^<]+)<", html)
    assert [text for text in texts if text.strip()] == []
    assert not re.search(r'(title|alt|placeholder|aria-label)="[^"]', html)


@pytest.mark.parametrize(
    "codes", ["error", "refusal", "state", "tag", "quality", "source", "link", "control", "does", "lobby"]
)
def test_computed_keys_have_members(codes: str) -> None:
    assert [key for key in table("zh") if key.startswith(f"{codes}.")]


def test_every_error_in_words_is_one_that_happens() -> None:
    source = "".join(code(path) for path in MODULES)
    for key in table("zh"):
        prefix, _, rest = key.partition(".")
        if prefix == "error" and rest != "other":
            assert f'"{rest}"' in source or rest in CODES, key


def refusals() -> dict[str, str]:
    """Codes that dispatch and the server refuse with, and the file each stands in."""
    root = STATIC.parent
    names = [kind.__name__ for kind in Refused.__subclasses__()]
    made = re.compile(rf'\b(?:Refused|{"|".join(names)})\(\s*"([\w-]+)"')
    paths = [path for part in ("dispatch", "signaling", "huishang") for path in sorted((root / part).rglob("*.py"))]
    # What a database is refused for is met at the start and by upkeep, before there is a page.
    paths = [path for path in paths if path.parent.name != "store"]
    return {code: path.name for path in paths for code in made.findall(path.read_text())}


def test_every_refusal_of_an_act_has_words() -> None:
    words, codes = table("zh"), refusals()
    codes |= {kind.code: "keeping" for kind in (JournalBusy, JournalFull, JournalBroken, JournalClosed)}
    codes |= {f"{kind}-unknown": "tables" for kind in ("unit", "person", "endpoint", "consultation", "participant")}
    found = set(codes.values())
    acts = {path.name for path in (STATIC.parent / "dispatch" / "acts").glob("*.py")} - {"__init__.py"}
    acts -= {"keys.py", "exports.py"}  # who has the right may always; what the shell notes, which has refused before
    assert acts <= found, "every module of acts refuses something; if not, the pattern has gone blind"
    assert {code: place for code, place in codes.items() if f"refusal.{code}" not in words} == {}


def test_no_words_are_kept_for_refusals_that_are_not_made() -> None:
    sources = "".join(
        path.read_text()
        for part in ("dispatch", "signaling", "huishang")
        for path in sorted((STATIC.parent / part).rglob("*.py"))
    )
    pages = "".join(code(path) for path in MODULES)
    kept = [key.removeprefix("refusal.") for key in table("zh") if key.startswith("refusal.")]
    computed = re.compile(r"(unit|person|endpoint|grant|consultation|participant|policy|topic|other)(-unknown|-limit)?")
    assert [one for one in kept if f'"{one}"' not in sources + pages and not computed.fullmatch(one)] == []
