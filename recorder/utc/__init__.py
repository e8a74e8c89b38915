"""The server's UTC for what is recorded: a line over the monotonic clock that no step of the server's clock moves.

Media is timed by the monotonic clock, events by the server's clock. Between the two stands one offset for all tracks.

    line     the offset, its bound, and what chains are told of both (core)
    reading  the clocks and the kernel's word on them (shell)

On Linux the kernel slews both clocks together, so small corrections are in monotonic times already, for all tracks at
once; only a step moves the clocks apart. What the line does about it:

- Less than 100 ms is followed by 100 ppm. An offset counts for segments that begin, so tracks whose segments began
  five minutes apart are parted by 30 ms at most.
- A greater step is told in a row and not followed while anything is recorded: nobody knows whether the clock was set
  right or wrong, a step back would lay segments over one another, and a step that is taken back leaves no trace.
- When the kernel says that the clock is disciplined, to better than half of the step, and has said so for ten minutes,
  the step is followed too, by the same 100 ppm (a leap second takes three hours).
- When nothing is recorded, the line is the server's clock. Who has recordings that never end, and a clock that was
  hours wrong, pauses all of them for a second.
- A daemon that pulls at the clocks by more than 1000 ppm (chrony may by 8 %) pulls at monotonic time too. The raw clock
  shows it: the offset makes up for it, and the bound has in it what was pulled, for times of capture are wrong then.

Rows stand in the chains as marks. With them, `media_us` tells where in the media an event is that the server's clock
has stamped.
"""

from recorder.utc.line import Reading, Row, UtcLine, media_us

__all__ = ["Reading", "Row", "UtcLine", "media_us"]
