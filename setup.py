"""Compile every .pyx under media/plane and benchmarks as an extension of its own. The rest: pyproject.toml.

    python setup.py build_ext --inplace         beside its .pyx, only what changed
    HUISHANG_ASAN=1 python setup.py build       the tree under build/asan/lib, the plane with AddressSanitizer
    HUISHANG_EXTENSIONS=0 pip install -e .      no extension at all (`make setup` compiles by itself)

The AddressSanitizer build never touches the normal .so files: objects and libraries stay under build/asan. The C files
are the same for both.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).parent
ASAN = os.environ.get("HUISHANG_ASAN") == "1"
FLAGS = ["-O1", "-g1", "-fsanitize=address", "-fno-omit-frame-pointer"] if ASAN else ["-O2", "-g0"]


def _extensions() -> list[Extension]:
    if os.environ.get("HUISHANG_EXTENSIONS") == "0":
        return []
    from Cython.Build import cythonize

    os.chdir(ROOT)
    sources = sorted([*Path("media/plane").glob("*.pyx"), *([] if ASAN else Path("benchmarks").rglob("*.pyx"))])
    modules = [
        Extension(
            ".".join(source.with_suffix("").parts),
            [str(source)],
            extra_compile_args=[*FLAGS, "-Wall", "-Wno-unused-function"],
            extra_link_args=["-fsanitize=address"] if ASAN else [],
        )
        for source in sources
    ]
    if not modules:
        return []
    compiled: list[Extension] = cythonize(modules, nthreads=2, quiet=True, build_dir="build/c")
    return compiled


if __name__ == "__main__":
    setup(
        ext_modules=_extensions(),
        options={
            "build_ext": {"parallel": 2},
            "build": {"build_lib": "build/asan/lib", "build_temp": "build/asan/tmp"} if ASAN else {},
        },
    )
