"""Exports into a filesystem with too little room; prints as JSON what came of it.

Run it under `unshare --mount`; the arguments are an empty folder to mount on, a root and a session.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from recorder.export import ExportError
from recorder.export.archive import write_folder, write_zip
from recorder.export.bundle import bundle_of
from recorder.export.composed import compose
from recorder.export.orders import ComposedOrder, ComposedTrack
from recorder.files import Codec
from tests.recorder.export.reel import SECOND, pictures, segments
from tests.recorder.files.frames import T0


def main(place: Path, root: Path, session: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)], check=True)
    codes = []
    for write in (write_folder, write_zip):
        try:
            write(bundle_of(root, session), place / "out")
        except ExportError as error:
            codes.append(error.code)
    with tempfile.TemporaryDirectory() as folder:
        files = segments(Path(folder), Codec.H264, pictures(Codec.H264, 4))
        track = ComposedTrack(files=[str(file) for file in files], is_picture=True)
        until = T0 + 4 * SECOND
        try:
            compose(ComposedOrder(path=str(place / "out.mp4"), tracks=[track], begin=T0, until=until))
        except ExportError as error:
            codes.append(error.code)
    print(json.dumps({"codes": codes, "left": [path.name for path in place.iterdir()]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
