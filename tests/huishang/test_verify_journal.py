"""`huishang verify --journal`: the timeline on disk, held against what the chains have of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.entry import Entry, encode
from dispatch.journal import Journal, format
from huishang.recording import contents
from huishang.verify_journal import journal_findings
from recorder.book.orders import Append
from recorder.proof.findings import is_sound
from tests.huishang.test_cli import huishang
from tests.recorder.book.books import NOW, closure, open_book, opening


def entry(number: int, text: str = "") -> Entry:
    return Entry(
        v=1,
        id=f"01HF000000000000000000{number:04}",
        node="n1",
        hlc=(NOW + number, 0),
        verb="message.say",
        actor="01A",
        object="message:01B",
        session="01C",
        params={"text": text or f"第 {number} 句", "secret": "not in any chain"},
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A journal of ten entries, seven of which a recording was concerned with."""
    entries = [entry(number) for number in range(10)]

    async def write() -> None:
        journal = Journal.open(tmp_path / "journal", "n1")
        for each in entries:
            await journal.append([encode([each])])
        await asyncio.to_thread(journal.close)

    asyncio.run(write())
    book = open_book(tmp_path / "root")
    book.commit([opening("A"), *(Append("A", "event", contents.event(each, NOW)) for each in entries[2:9])], NOW)
    book.commit([closure("A")], NOW)
    book.close()
    return tmp_path / "root"


def verified(root: Path) -> tuple[int, list[dict[str, Any]]]:
    done = huishang("verify", str(root), "--json", "--journal", str(root.parent / "journal"), folder=root.parent)
    assert done.stderr == ""
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return done.returncode, [finding for finding in found if finding.get("place") == "journal"]


def rewrite(root: Path, number: int, line: bytes) -> None:
    """Put another line in the place of an entry's."""
    (path,) = (root.parent / "journal").glob("*.jsonl")
    lines = path.read_bytes().split(b"\n")
    lines[number + 1] = line
    path.write_bytes(b"\n".join(lines))


def test_what_chains_have_of_the_journal_is_proved_and_the_rest_is_not(root: Path) -> None:
    whole = {"state": "intact", "code": "events-intact", "place": "journal", "session": "A"}
    assert verified(root) == (0, [whole | {"count": 7}])
    rewrite(root, 4, format.line(encode([entry(4, "另一句")]))[:-1])
    status, found = verified(root)
    assert status == 1 and found[0] == {
        "state": "altered",
        "code": "event-differs",
        "place": "journal",
        "session": "A",
        "record": 3,
        "detail": entry(4).id,
    }
    rewrite(root, 4, format.line(encode([entry(11)]))[:-1])
    assert [(f["code"], f.get("detail")) for f in verified(root)[1][:1]] == [("event-absent", entry(4).id)]
    rewrite(root, 4, b"damaged")
    assert [(f["code"], f.get("line")) for f in verified(root)[1][:1]] == [("journal-damaged", 6)]


def test_every_changed_byte_of_the_journal_is_named(root: Path) -> None:
    (path,) = (root.parent / "journal").glob("*.jsonl")
    whole, folder = path.read_bytes(), path.parent

    @settings(max_examples=150)
    @given(st.integers(0, len(whole.rstrip(b"\0")) - 2), st.integers(1, 255))
    def changed(at: int, by: int) -> None:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ by]) + whole[at + 1 :])
        assert not is_sound(journal_findings(root, folder))

    changed()
    path.write_bytes(whole)
    assert is_sound(journal_findings(root, folder))


def test_what_no_recording_was_concerned_with_may_be_altered(root: Path) -> None:
    rewrite(root, 1, format.line(encode([entry(1, "nobody knows")]))[:-1])
    assert verified(root)[0] == 0


def test_a_folder_without_a_journal_is_told(root: Path) -> None:
    done = huishang("verify", str(root), "--journal", str(root), folder=root.parent)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
