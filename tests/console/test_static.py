"""What the files themselves promise: nothing inline, nothing from elsewhere, nothing that can turn data into markup."""

import re
from pathlib import Path

import pytest

from console import STATIC

SCRIPTS = sorted((STATIC / "js").rglob("*.js"))
STYLES = sorted((STATIC / "style").glob("*.css"))
MODULE_LINES = 300
FORBIDDEN = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser")


def test_page_has_no_inline_script_or_style() -> None:
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert "<style" not in html
    assert not re.search(r"\sstyle=|\son\w+=", html)


def test_only_the_server_says_what_is_forbidden() -> None:
    """Two policies would both hold, and one of them be forgotten when the other changes."""
    assert "Content-Security-Policy" not in (STATIC / "index.html").read_text()


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES, STATIC / "index.html"], ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text(), re.ASCII))
    assert hosts <= {"www.w3.org"}, "only the name of the SVG namespace looks like an address"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_cannot_turn_data_into_markup(path: Path) -> None:
    assert not FORBIDDEN.search(path.read_text())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_is_small_and_begins_with_its_purpose(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= MODULE_LINES
    assert max(map(len, lines)) <= 120 or "i18n" in path.parts


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_import_names_a_file_and_something_it_exports(path: Path) -> None:
    for names, source in re.findall(r'import (\{[^}]*\}|\* as \w+|\w+) from "([^"]+)"', path.read_text()):
        target = (path.parent / source).resolve()
        assert target.is_file()
        if names.startswith("{"):
            for name in re.findall(r"\w+", names):
                assert re.search(rf"export (async )?(function|class|const) {name}\b", target.read_text()), name


def test_every_script_is_reached_from_the_page() -> None:
    seen: set[Path] = set()
    # The connection is tried by itself as long as the page works by sessions.
    waiting = [STATIC / "js" / name for name in ("main.js", "connection.js")]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        waiting += [(path.parent / source).resolve() for source in re.findall(r'from "([^"]+)"', path.read_text())]
    assert seen == set(SCRIPTS)


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_colours_are_named_in_one_file(path: Path) -> None:
    if path.name != "tokens.css":
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", path.read_text())


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_every_property_that_is_used_is_defined(path: Path) -> None:
    defined = set(re.findall(r"(--[\w-]+):", "".join(style.read_text() for style in STYLES)))
    assert set(re.findall(r"var\((--[\w-]+)", path.read_text())) <= defined


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("ground", ["ground", "surface", "raised"])
@pytest.mark.parametrize("ink", ["ink", "ink-soft", "accent", "live", "degraded", "danger", "gone"])
def test_contrast_is_enough_to_read(theme: str, ground: str, ink: str) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    block = (STATIC / "style" / "tokens.css").read_text().split(f'[data-theme="{theme}"]')[1].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_every_icon_used_exists() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    used: set[str] = set()
    for path in SCRIPTS:
        source = path.read_text()
        used |= set(re.findall(r'\bicon\("([\w-]+)"\)', source))
        for choice in re.findall(r"setIcon\([^;]*\);", source):
            used |= set(re.findall(r'"([\w-]+)"', choice))
    assert used
    assert used <= drawn
