"""When a receiver that did not answer is asked again, and when its silence is an alarm. Core: `now` is an argument."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 1.0
LONGEST_S: Final = 300.0
#: A receiver that has taken nothing for so long is called gone: longer than a restart or a change of its version takes.
GONE_S: Final = 3_600.0


class Pauses:
    """Of one receiver: pauses double from a second to five minutes, and begin anew with each success.

    `chance` (0 to 1) of a failure shortens its pause by up to a quarter, so that many do not come back at once.
    """

    def __init__(self) -> None:
        self._pause = FIRST_S
        self._until = 0.0
        self._failing_since: float | None = None
        self._told = False

    def get_timer(self) -> float:
        """Return from when on the next try may be made; 0 at once."""
        return self._until

    @property
    def failing_since(self) -> float | None:
        """Since when every try has failed, None when the last one did not."""
        return self._failing_since

    def succeeded(self) -> bool:
        """Note that the receiver took something; return whether it had been called gone."""
        told = self._told
        self._pause, self._until, self._failing_since, self._told = FIRST_S, 0.0, None, False
        return told

    def failed(self, now: float, chance: float) -> bool:
        """Note that a try failed; return whether the receiver is to be called gone now, once in each silence."""
        if self._failing_since is None:
            self._failing_since = now
        self._until = now + self._pause * (1 - chance / 4)
        self._pause = min(2 * self._pause, LONGEST_S)
        newly = not self._told and self.is_gone(now)
        self._told = self._told or newly
        return newly

    def is_gone(self, now: float) -> bool:
        """Tell whether the receiver has taken nothing for `GONE_S`."""
        return self._failing_since is not None and now - self._failing_since >= GONE_S
