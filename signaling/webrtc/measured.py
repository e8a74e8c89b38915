"""What can be had of every source, from the plane's counters: what each layer costs, and which layers nobody needs.

Reads counters, orders nothing. Runs on one event loop; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final

from media.allocation.demand import Layer
from media.allocation.rates import Counts, LayerRates, RungCounts
from media.plane.objects import PlanePublication
from signaling.webrtc.records import SourceMedia

#: How often the counters of publications are read.
MEASURE_US: Final = 200_000
#: Of a sound that has not been measured yet.
_SOUND_BITS: Final = 64_000
#: A layer that nobody has taken for so long is not needed.
_UNUSED_US: Final = 5_000_000


class Measured:
    """The layers of all sources. Call `measure` every `MEASURE_US`."""

    def __init__(self, media: Mapping[str, SourceMedia]) -> None:
        self._media = media
        self._rates: dict[int, LayerRates] = {}  # by the publication's id
        self._used_us: dict[tuple[int, int], int] = {}  # by publication and layer: when somebody last took it
        self._had: dict[int, tuple[int, ...]] = {}
        #: By source: the layers of it that nobody needs.
        self.unneeded: dict[str, frozenset[int]] = {}
        #: Another one whenever there are other layers than before.
        self.version = 0

    def measure(self, now_us: int, taken: Set[tuple[str, int]]) -> None:
        """Read the counters; `taken` are the sources and layers of pictures that are sent to somebody."""
        current: set[int] = set()
        for media in self._media.values():
            for publication in media.publications.values():
                current.add(publication.id)
                self._rates.setdefault(publication.id, LayerRates()).note(now_us, _counts(publication))
        for gone in self._rates.keys() - current:
            del self._rates[gone]
        self._find_unneeded(now_us, taken)
        had = {key: tuple(layer.number for layer in rates.layers(now_us)) for key, rates in self._rates.items()}
        if had != self._had:
            self._had = had
            self.version += 1

    def layers(self, source: str, now_us: int) -> tuple[Layer, ...]:
        """Return the layers of a source's picture that can be had, the smallest first."""
        rates = self._of(source, "video")
        return rates.layers(now_us, self.unneeded.get(source, frozenset())) if rates is not None else ()

    def sound_bits(self, source: str) -> int:
        """Return the bits/s of a source's sound, headers included."""
        rates = self._of(source, "audio")
        return rates.bits if rates is not None and rates.bits else _SOUND_BITS

    def _of(self, source: str, kind: str) -> LayerRates | None:
        media = self._media.get(source)
        publication = media.publications.get(kind) if media is not None else None
        return self._rates.get(publication.id) if publication is not None else None

    def _find_unneeded(self, now_us: int, taken: Set[tuple[str, int]]) -> None:
        """Note which layers nobody has taken for a while; who needs one again has it needed at once.

        The smallest is always needed: by who comes next, and as the sign that the source lives.
        """
        unneeded: dict[str, frozenset[int]] = {}
        used: dict[tuple[int, int], int] = {}
        for source, media in self._media.items():
            publication = media.publications.get("video")
            if publication is None or publication.layer_count < 2:
                continue
            for layer in range(publication.layer_count):
                key = (publication.id, layer)
                used[key] = now_us if (source, layer) in taken else self._used_us.get(key, now_us)
            idle = {at for at in range(publication.layer_count) if now_us - used[publication.id, at] > _UNUSED_US}
            idle -= {layer.number for layer in self.layers(source, now_us)[:1]} or {0}
            if idle:
                unneeded[source] = frozenset(idle)
        self._used_us, self.unneeded = used, unneeded


def _counts(publication: PlanePublication) -> list[Counts]:
    return [
        Counts(
            rungs=tuple(RungCounts(*rung) for rung in layer["rungs"]),
            width=layer["width"],
            height=layer["height"],
            heard_us=layer["heard_ns"] // 1000,
        )
        for layer in publication.stats()
    ]
