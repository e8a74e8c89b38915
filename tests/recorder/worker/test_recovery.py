"""What a worker before left open: what is whole is recovered, and nothing that was found is lost."""

from pathlib import Path

from recorder.files import Codec, facts_of
from recorder.worker.recovery import DAMAGED, recovered_below
from recorder.worker.wire import Alarm, Recovered
from tests.recorder.files.frames import TRACK, frames, writer


def test_damaged_file_is_kept_as_it_was_and_what_lies_before_the_damage_is_recovered(tmp_path: Path) -> None:
    folder = tmp_path / "tracks" / TRACK
    folder.mkdir(parents=True)
    file = writer(folder, Codec.VP8)
    for frame in frames(Codec.VP8):
        file.write(*frame)
    file.flush()
    middle = file.fragments[2]
    with file.path.open("r+b") as opened:
        opened.seek(middle.offset)
        opened.write(b"\xff" * 4)
    found = file.path.read_bytes()
    alarm, recovered = recovered_below(tmp_path / "tracks")
    assert isinstance(alarm, Alarm) and isinstance(recovered, Recovered)
    assert (alarm.code, recovered.facts.bytes) == ("file-damaged", middle.offset)
    assert facts_of(folder / recovered.facts.name) == recovered.facts
    assert (tmp_path / DAMAGED / f"{TRACK}.{file.path.name}").read_bytes() == found
    assert list(recovered_below(tmp_path / "tracks")) == []
