"""Finding units, people, endpoints and other named things while somebody types: by any part of a name, code or login.

Things lie in blocks, by rank; a block is one text that is looked through at once, and only where it holds what is
sought its things are looked at one by one. So seldom words cost a scan of some megabytes and common ones find enough
in the first blocks. Logins, which guesses begin with, lie beside the names: by them is found what one manages. Core.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from dispatch.directory.pinyin import spellings
from dispatch.directory.rules import RANK
from dispatch.names import fold
from dispatch.records import Endpoint, Person, Record, Unit
from dispatch.tables import Change, Tables

MAX_FOUND = 50
MAX_QUERY_CHARACTERS = 64
MAX_TERMS = 6
#: Things that match but may not be seen, after which a search ends with what it has: a bound of its time.
MAX_HIDDEN = 2_000
_BLOCK = 512
_PERSON_RANK = len(RANK)
_ENDPOINT_RANK = _PERSON_RANK + 1
_OTHER_RANK = _ENDPOINT_RANK + 1
#: Begins and ends each key, so that a key's beginning can be sought too.
_EDGE = "\n"
#: How keys begin, in so many characters: few enough to be asked before a block's texts.
_HEAD = 3
_HEADS = re.compile(f"{_EDGE}([^{_EDGE}]{{{_HEAD}}})")

#: Tells whether `kind:id` may be found, by its login where the second is true.
MayFind = Callable[[str, bool], bool]


@dataclass(slots=True)
class _Block:
    """Up to `_BLOCK` things: what each is called (`kind:id`), names, sounds, login; all together in two texts."""

    things: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    sounds: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    all_names: str | None = None
    all_sounds: str = ""
    heads: frozenset[str] = frozenset()

    def put(self, thing: str, names: str, sounds: str, login: str) -> None:
        self.places[thing] = len(self.things)
        self.things.append(thing)
        self.names.append(names)
        self.sounds.append(sounds)
        self.logins.append(login)
        self.all_names = None
        if len(self.things) == _BLOCK:
            self._join()

    def drop(self, thing: str) -> None:
        """Take a thing out; the last one takes its place."""
        place = self.places.pop(thing)
        last = (self.things.pop(), self.names.pop(), self.sounds.pop(), self.logins.pop())
        if last[0] != thing:
            self.things[place], self.names[place], self.sounds[place], self.logins[place] = last
            self.places[last[0]] = place
        self.all_names = None

    def has(self, term: str) -> bool:
        """Tell whether a term stands anywhere in the block."""
        names = self._join() if self.all_names is None else self.all_names
        return term in names or (term.isascii() and term in self.all_sounds)

    def _join(self) -> str:
        names = self.all_names = "".join((*self.names, *self.logins))
        sounds = self.all_sounds = "".join(self.sounds)
        self.heads = frozenset(_HEADS.findall(names)).union(_HEADS.findall(sounds))
        return names

    def has_beginning(self, term: str) -> bool:
        """Tell whether a key of the block begins with a term, after `has` said that it holds it."""
        return (len(term) < _HEAD or term[:_HEAD] in self.heads) and self.has(_EDGE + term)

    def matching(self, terms: list[str]) -> Iterator[tuple[str, bool, bool]]:
        """Give the things that match all terms, whether a key of theirs begins with the first, and whether by login."""
        first, beginning = terms[0], _EDGE + terms[0]
        rows = zip(self.things, self.names, self.sounds, self.logins, strict=True)
        likely = [row for row in rows if first in row[1] or first in row[2] or first in row[3]]
        for thing, names, sounds, login in likely:
            if all(term in names or term in sounds for term in terms):
                yield thing, beginning in names or beginning in sounds, False
            elif all(term in names or term in sounds or term in login for term in terms):
                yield thing, beginning in names or beginning in sounds or beginning in login, True


class SearchIndex:
    """All that can be found. `follow` keeps it true; what is no unit, person or endpoint comes by `put` and `drop`."""

    def __init__(self) -> None:
        self._ranks: dict[int, list[_Block]] = {}
        self._block_of: dict[str, tuple[int, _Block]] = {}
        #: name, code or login -> what has exactly this, and whether as its login
        self._called: dict[str, dict[str, bool]] = {}

    def __len__(self) -> int:
        return len(self._block_of)

    def fill(self, tables: Tables) -> Iterator[int]:
        """Take in all that is there, giving how many so far now and then: go on when there is time. Then `follow`."""
        rows = (("unit", tables.units.rows()), ("person", tables.people.rows()), ("endpoint", tables.endpoints.rows()))
        for kind, records in rows:
            table = tables.of_kind(kind)
            for number, record in enumerate(records):
                # What changed meanwhile was told to `follow`.
                if table.find(record.id) is record:
                    self._take(kind, record)
                if number % _BLOCK == _BLOCK - 1:
                    yield len(self)

    def follow(self, changes: Iterable[Change]) -> None:
        """Follow what has happened to units, people and endpoints."""
        for change in changes:
            if change.kind in ("unit", "person", "endpoint"):
                if change.new is None:
                    self.drop(f"{change.kind}:{change.id}")
                elif change.old is None or _named(change.old) != _named(change.new):
                    self._take(change.kind, change.new)

    def put(self, thing: str, names: Iterable[str], rank: int = _OTHER_RANK, login: str = "") -> None:
        """Let `kind:id` be found by these names and codes, and its login; a lower rank comes first."""
        self.drop(thing)
        keys, sounds = _keys(names)
        logins = [key for key in _keys((login,))[0] if key not in keys]
        blocks = self._ranks.setdefault(rank, [])
        if not blocks or len(blocks[-1].things) >= _BLOCK:
            blocks.append(_Block())
        blocks[-1].put(thing, _text(keys), _text(sounds), _text(logins))
        self._block_of[thing] = (rank, blocks[-1])
        for key in (*keys, *logins):
            self._called.setdefault(key, {})[thing] = key not in keys

    def drop(self, thing: str) -> None:
        """Let `kind:id` be found no more; of no effect when it is not there."""
        held = self._block_of.pop(thing, None)
        if held is None:
            return
        rank, block = held
        place = block.places[thing]
        for key in (block.names[place] + block.logins[place]).split(_EDGE):
            called = self._called.get(key, {})
            called.pop(thing, None)
            if not called:
                self._called.pop(key, None)
        block.drop(thing)
        if not block.things:
            self._ranks[rank].remove(block)

    def search(
        self, query: str, may_find: MayFind, kinds: frozenset[str] = frozenset(), limit: int = MAX_FOUND
    ) -> list[str]:
        """Return what matches all words of the query and may be found by them, as `kind:id`, the best first.

        What is called exactly so comes before what begins so, and that before what has it anywhere; among these higher
        units, then people, then endpoints. `kinds`: only these, if any. At most `MAX_FOUND`.
        """
        terms = fold(query[: 4 * MAX_QUERY_CHARACTERS])[:MAX_QUERY_CHARACTERS].split()[:MAX_TERMS]
        limit = min(limit, MAX_FOUND)
        if not terms or limit < 1:
            return []
        exact = self._exact("".join(terms), may_find, kinds)[:limit]
        begins: list[str] = []
        inside: list[str] = []
        # Logins that find nothing for who asks are no reason to look no further for names.
        taken, hidden = set(exact), {False: 0, True: 0}
        for block in self._likely(terms):
            # Once enough has it anywhere, only beginnings are of interest, and the block tells whether it has any.
            if len(inside) >= limit and not block.has_beginning(terms[0]):
                continue
            for thing, at_beginning, by_login in block.matching(terms):
                into = begins if at_beginning else inside
                if len(into) >= limit or thing in taken or (kinds and thing.partition(":")[0] not in kinds):
                    continue
                if by_login and hidden[by_login] > MAX_HIDDEN:
                    continue
                if may_find(thing, by_login):
                    into.append(thing)
                else:
                    hidden[by_login] += 1
            if len(exact) + len(begins) >= limit or hidden[False] > MAX_HIDDEN:
                break
        return [*exact, *begins, *inside][:limit]

    def _exact(self, key: str, may_find: MayFind, kinds: frozenset[str]) -> list[str]:
        exactly = self._called.get(key, {})
        called = sorted(islice(exactly, MAX_HIDDEN), key=lambda thing: self._block_of[thing][0])
        meant = (thing for thing in called if not kinds or thing.partition(":")[0] in kinds)
        return list(islice((thing for thing in meant if may_find(thing, exactly[thing])), MAX_FOUND))

    def _likely(self, terms: list[str]) -> Iterator[_Block]:
        for rank in sorted(self._ranks):
            for block in self._ranks[rank]:
                if all(block.has(term) for term in terms):
                    yield block

    def _take(self, kind: str, record: Record) -> None:
        rank, names, login = _named(record)
        self.put(f"{kind}:{record.id}", names, rank, login)


def _named(record: Record) -> tuple[int, tuple[str, ...], str]:
    """Return a record's rank, the names and codes it is found by, and its login."""
    match record:
        case Unit():
            return RANK[record.level], (record.name_zh, record.name_en, record.code), ""
        case Person():
            return _PERSON_RANK, (record.name, record.title), record.login
        case Endpoint():
            return _ENDPOINT_RANK, (record.name_zh, record.name_en, record.gb_id), ""
    raise AssertionError(f"{type(record).__name__} has no name to be found by")


def _keys(names: Iterable[str]) -> tuple[dict[str, None], dict[str, None]]:
    """Return a thing's names without spaces, and how they sound."""
    folded = [fold(name) for name in names]
    keys = dict.fromkeys(key for name in folded if (key := name.replace(" ", "")))
    return keys, dict.fromkeys(sound for name in folded for sound in spellings(name))


def _text(keys: Iterable[str]) -> str:
    joined = _EDGE.join(keys)
    return f"{_EDGE}{joined}{_EDGE}" if joined else ""
