"""What the tree promises to those who install and build it."""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from config.settings import Limits
from media.plane import priority
from tests.house.tree import PRODUCT, ROOT, make, sources
from tests.patience import PATIENCE_S

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
# Installed by Debian for the system's Python only; scripts that use them run there.
SYSTEM_MODULES = {"gi"}


def name_of(requirement: str) -> str:
    """Give a requirement's normalized project name."""
    return re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("_", "-")


def third_party(folders: tuple[str, ...]) -> dict[str, Path]:
    """Give every distribution that Python files import, with one file that does."""
    owners = packages_distributions()
    ours = {*PRODUCT, "benchmarks", "tests"}
    found: dict[str, Path] = {}
    for path in sources(".py", under=folders):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules = [node.module]
            for top in {module.partition(".")[0] for module in modules} - ours - SYSTEM_MODULES:
                if top not in sys.stdlib_module_names:
                    found[name_of(owners.get(top, [top])[0])] = path
    return found


def test_every_dependency_says_what_it_is_for() -> None:
    listed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    listed += PROJECT["optional-dependencies"]["check"]
    for requirement in listed:
        assert re.search(rf'^\s*"{re.escape(requirement)}",\s+# \S', PYPROJECT, re.MULTILINE), requirement
        assert ">=" in requirement, f"{requirement} has no lower bound"


def declared(*extras: str) -> set[str]:
    """Give the names of the dependencies and of some extras."""
    listed = [*PROJECT["dependencies"]]
    for extra in extras:
        listed += PROJECT["optional-dependencies"][extra]
    return {name_of(requirement) for requirement in listed}


def test_product_imports_only_declared_dependencies() -> None:
    undeclared = {name: str(path) for name, path in third_party(PRODUCT).items() if name not in declared()}
    assert not undeclared


def test_tests_and_benchmarks_import_only_declared_dependencies() -> None:
    used = third_party(("tests", "benchmarks"))
    undeclared = {name: str(path) for name, path in used.items() if name not in declared("test", "check")}
    assert not undeclared


def test_every_cython_module_has_declarations_and_types() -> None:
    for path in sources(".pyx", under=("media", "benchmarks")):
        # A module that only other Cython modules call has nothing to say to Python.
        if re.search(r"^(def|class|cdef class|[A-Z_]+ =) ?", path.read_text("utf-8"), re.MULTILINE):
            assert path.with_suffix(".pyi").exists(), f"{path} has no .pyi"
        assert path.with_suffix(".pxd").exists() or path.with_suffix(".pyi").exists(), f"{path} has no declarations"


def test_every_python_folder_is_a_package() -> None:
    for path in sources(".py", ".pyx", under=(*PRODUCT, "benchmarks", "tests")):
        assert (path.parent / "__init__.py").exists(), f"{path.parent} has no __init__.py"


def test_no_test_is_skipped() -> None:
    # What a test needs, `make test` installs; a skipped one proves nothing.
    forbidden = re.compile(r"pytest\.(skip|importorskip)\b|mark\.skip|unittest\.skip")
    found = [str(path) for path in sources(".py", under=("tests",)) if forbidden.search(path.read_text("utf-8"))]
    assert found == []


def test_help_names_every_target() -> None:
    shown = make("help")
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    targets = phony[1].split()
    assert re.findall(r"^  make (\w+)", shown, re.MULTILINE) == targets


@pytest.mark.parametrize("script", ["run", "setup", "install-packages"])
def test_script_is_executable_strict_and_parses(script: str) -> None:
    path = ROOT / ".ci" / script
    assert path.stat().st_mode & 0o111
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(path)], timeout=PATIENCE_S, check=True)


def test_readme_commands_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z]+)\b", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / link).exists(), link


def test_service_may_have_what_the_server_asks_of_the_machine() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(ROOT / "docs" / "huishang.service")
    assert int(unit["Service"]["LimitNICE"]) <= priority._NICE
    assert int(unit["Service"]["LimitNOFILE"]) >= 2 * Limits().max_viewers
    # Whatever the reason, the next start is tried.
    assert unit["Unit"]["StartLimitIntervalSec"] == "0" and unit["Service"]["Restart"] == "on-failure"
