"""What the stubs say of compiled modules is what those take: nothing else would notice an argument that went."""

import subprocess
import sys

from tests.house.tree import ROOT, sources


def test_every_stub_tells_what_its_module_takes() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources(".pyi", under=("media", "benchmarks"))
    ]
    # What a stub leaves out is nobody's to call; Cython's own names are among it.
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy.stubtest",
            "--concise",
            "--ignore-missing-stub",
            "--ignore-disjoint-bases",
            *modules,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
