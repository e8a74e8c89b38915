"""Exports a bundle into a filesystem with too little room; prints as JSON what came of it.

Run it under `unshare --mount`; the arguments are an empty folder to mount on, a root and a session.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from recorder.export import ExportError
from recorder.export.archive import write_folder, write_zip
from recorder.export.bundle import bundle_of


def main(place: Path, root: Path, session: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
    codes = []
    for write in (write_folder, write_zip):
        try:
            write(bundle_of(root, session), place / "out")
        except ExportError as error:
            codes.append(error.code)
    print(json.dumps({"codes": codes, "left": [path.name for path in place.iterdir()]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
