"""A small real node without I/O: a directory, and everything between its tables and the topics."""

from __future__ import annotations

from collections.abc import Sequence

from dispatch.permissions import Permissions
from dispatch.presence import Presence
from dispatch.records import Consultation, Endpoint, EndpointKind, Level, Person, Record, Role, Stage, Unit
from dispatch.sources import SourceRegistry
from dispatch.tables import Tables
from signaling.ws.changes import Changes
from signaling.ws.topics import Topics
from signaling.ws.views import Views
from tests.signaling.ws.client import Pages, payload

SECOND_US = 1_000_000
DIRECTORY: tuple[tuple[str, Record], ...] = (
    ("unit", Unit(id="province", level=Level.PROVINCE, name_zh="江东省", name_en="Jiangdong")),
    ("unit", Unit(id="city", parent="province", level=Level.CITY, name_zh="临江市")),
    ("unit", Unit(id="county", parent="city", level=Level.COUNTY, name_zh="青溪县")),
    ("unit", Unit(id="town", parent="county", level=Level.TOWNSHIP, name_zh="石桥镇")),
    ("unit", Unit(id="other", parent="province", level=Level.CITY, name_zh="南山市")),
    (
        "person",
        Person(id="wang", unit="province", name="王强", login="wang", roles=(Role("administrator", "province"),)),
    ),
    ("person", Person(id="li", unit="county", name="李娜", login="li", roles=(Role("duty-officer", "county"),))),
    ("person", Person(id="zhao", unit="town", name="赵敏", login="zhao", roles=(Role("member", "town"),))),
    ("person", Person(id="qian", unit="other", name="钱进", login="qian", roles=(Role("observer", "other"),))),
    ("person", Person(id="sun", unit="town", name="孙丽", login="sun")),
    ("endpoint", Endpoint(id="camera", unit="town", kind=EndpointKind.IP_CAMERA, name_zh="桥头")),
    ("endpoint", Endpoint(id="drone", unit="other", kind=EndpointKind.DRONE, name_zh="无人机")),
)


def no_tracks(source: str) -> Sequence[str]:
    return ()


class Town:
    """The node, with a clock of its own."""

    def __init__(self, records: Sequence[tuple[str, Record]] = DIRECTORY) -> None:
        self.now = 1000.0
        self.tables = Tables()
        for kind, record in records:
            self.tables.of_kind(kind).put(record)
        self.tables.commit()
        self.permissions = Permissions(self.tables)
        self.presence = Presence()
        self.sources = SourceRegistry(100)
        self.views = self.fresh_views()
        self.topics = Topics(self.views)
        self.changes = Changes(self.tables, self.sources, self.views, self.topics)
        self.presence.listen(self.changes.person)
        self.sources.listen(self.changes.source)
        self.pages: dict[str, Pages] = {}
        self.settle()

    @property
    def now_us(self) -> int:
        return int(self.now * SECOND_US)

    def fresh_views(self) -> Views:
        """Return views that know nothing of what was before."""
        return Views(self.tables, self.permissions, self.presence, self.sources, no_tracks)

    def put(self, *records: tuple[str, Record]) -> None:
        for kind, record in records:
            self.tables.of_kind(kind).put(record)
        self.changes.apply(self.tables.commit())

    def drop(self, kind: str, identifier: str) -> None:
        self.tables.of_kind(kind).drop(identifier)
        self.changes.apply(self.tables.commit())

    def consultation(self, identifier: str, **values: object) -> Consultation:
        """Put a consultation of the county that Li leads."""
        record = Consultation(
            **{"title": "防汛", "unit": "county", "chair": "li", "stage": Stage.RUNNING, **values},  # type: ignore[arg-type]
            id=identifier,
        )
        self.put(("consultation", record))
        return record

    def watch(self, page: str, topic: str, person: str = "") -> Pages:
        """Let a page, named `person` or `person/…`, watch a topic; from where it was, if it had been there."""
        pages = self.pages.setdefault(page, Pages())
        seq = pages.held[topic].seq if topic in pages.held else None
        self.topics.watch(page, person or page.partition("/")[0], topic, seq, self.now, self.now_us)
        self.deliver()
        return pages

    def deliver(self) -> int:
        """Let the pages receive what was sent; return how many frames that were, to however many."""
        frames = 0
        for members, frame in self.topics.take():
            frames += 1
            for page in members:
                self.pages[str(page)].receive(payload(frame))
        return frames

    def settle(self) -> int:
        """Let time pass until nothing waits; return how many frames were sent."""
        frames = 0
        self.changes.passed(self.now_us)
        while (when := self.topics.get_timer()) is not None:
            self.now = max(self.now, when)
            self.changes.passed(self.now_us)
            self.topics.handle_timer(self.now, self.now_us)
            frames += self.deliver()
        return frames
