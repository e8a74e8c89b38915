"""A module has one role and fits in a head; a function fits on a screen."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, sources

MODULE_LINES = 500
FUNCTION_LINES = 60
LINE_CHARACTERS = 120
#: The line that begins a function, by its indentation and its name.
BEGINNING = {
    ".pyx": re.compile(r"( *)(?:cdef|cpdef|def|async def) (?!class|struct|enum|extern)[^=]*?(\w+)\("),
    ".js": re.compile(r"( *)(?:(?:export|async|static|function|get|set) )*(?!if|for|while|switch|catch)#?(\w+) ?\("),
}


def blocks(path: Path) -> Iterator[tuple[str, int]]:
    """Give the name and number of lines of every function of a language whose blocks show by indentation only."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        found = BEGINNING[path.suffix].match(line)
        if not found:
            continue
        length = inside = 1
        for later in lines[number + 1 :]:
            inside += 1
            indented = later.startswith(found[1] + " ")
            if later.strip() and not indented and not later.lstrip().startswith((")", "})")):
                break
            length = inside if later.strip() else length
        yield found[2], length


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Give the name and number of lines of every function, its docstring and decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.body[0], node.body[-1]
            begin = node.lineno
            if ast.get_docstring(node) is not None:
                begin += (first.end_lineno or first.lineno) - first.lineno + 1
            yield node.name, (last.end_lineno or last.lineno) - begin + 1


def too_wide(path: Path) -> list[str]:
    """Give the lines that are wider than a screen's half; a compiler directive cannot be broken."""
    return [
        f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{number}: {len(line)} characters"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LINE_CHARACTERS and not line.startswith("# cython:")
    ]


def too_long(path: Path) -> list[str]:
    """Give what is too long in a file, in words."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    found = [f"{name}: {lines} lines, at most {MODULE_LINES}"] if lines > MODULE_LINES else []
    measure = functions if path.suffix == ".py" else blocks if path.suffix in BEGINNING else lambda _: ()
    found += [
        f"{name}: {function}() has {length} lines, at most {FUNCTION_LINES}"
        for function, length in measure(path)
        if length > FUNCTION_LINES
    ]
    return found


def test_no_module_and_no_function_is_too_long() -> None:
    found = [line for path in sources(".py", ".pyx", ".pxd", ".js", ".css") for line in too_long(path)]
    assert not found, "\n".join(found)


def test_no_line_is_too_wide_where_the_linter_does_not_look() -> None:
    found = [line for path in sources(".pyx", ".pxd") for line in too_wide(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("characters", "fits"), [(120, True), (121, False)])
def test_line_is_measured(tmp_path: Path, characters: int, fits: bool) -> None:
    path = tmp_path / "a.pyx"
    path.write_text("# cython: " + "x" * 200 + "\n" + "y" * characters + "\n")
    assert (too_wide(path) == []) is fits


@pytest.mark.parametrize(("lines", "fits"), [(60, True), (61, False)])
def test_function_is_measured_without_its_docstring(tmp_path: Path, lines: int, fits: bool) -> None:
    path = tmp_path / "a.py"
    path.write_text('def f():\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * (lines - 1))
    assert (too_long(path) == []) is fits


@pytest.mark.parametrize(("lines", "fits"), [(57, True), (58, False)])
def test_function_of_cython_and_of_javascript_is_measured(tmp_path: Path, lines: int, fits: bool) -> None:
    compiled, script = tmp_path / "a.pyx", tmp_path / "a.js"
    compiled.write_text("cdef int _f(\n    int x\n) noexcept nogil:\n" + "    x = 1\n" * lines + "\n\ncdef int _x\n")
    script.write_text("class A {\n  async #f({\n    x,\n  }) {\n" + "    x = 1;\n" * lines + "  }\n}\n")
    assert (too_long(compiled) == []) is fits
    assert (too_long(script) == []) is fits


@pytest.mark.parametrize(("lines", "fits"), [(500, True), (501, False)])
def test_module_is_measured(tmp_path: Path, lines: int, fits: bool) -> None:
    path = tmp_path / "a.js"
    path.write_text("let a;\n" * lines)
    assert (too_long(path) == []) is fits
