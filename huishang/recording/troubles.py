"""What is wrong with recording just now, as one code for `/healthz` and the log. Core: `now_s` is an argument."""

from __future__ import annotations

from typing import Final

from recorder.worker.wire import Alarm

#: Something that was lost is told for so long.
TOLD_S: Final = 60.0
#: The first that is there is told.
_ORDER: Final = (
    "book-damaged",
    "book-failing",
    "disk-full",
    "disk-failing",
    "worker-lost",
    "disk-slow",
    "policy-unmet",
    "disk-low-kept",
    "disk-low",
    "ring-lost",
    "ring-damaged",
    "worker-refused",
    "file-damaged",
    "stamps-missing",
)
_OF_DISK: Final = ("disk-full", "disk-failing", "disk-slow")
_LASTING: Final = (*_OF_DISK, "worker-lost")


class Troubles:
    """Takes what parts say of themselves."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def hear(self, alarm: Alarm, now_s: float) -> None:
        """Take the worker's word."""
        if alarm.code == "disk-well":
            for code in _OF_DISK:
                self.set(code, False, now_s)
        elif alarm.code in _LASTING:
            self.set(alarm.code, True, now_s)
        else:
            self.set(alarm.code, True, now_s)
            self._until[alarm.code] = now_s + TOLD_S

    def set(self, code: str, is_so: bool, now_s: float) -> None:
        """Say whether something is wrong; since when is remembered."""
        if is_so:
            self._since.setdefault(code, now_s)
        else:
            self._since.pop(code, None)
        self._until.pop(code, None)

    def worst(self, now_s: float) -> tuple[str, float] | None:
        """Return what is to be told first, and since when."""
        for code in [code for code, until in self._until.items() if until < now_s]:
            self._since.pop(code, None)
            del self._until[code]
        return next(((code, self._since[code]) for code in _ORDER if code in self._since), None)
