"""One recorded track: what a tap gives of one route comes in, segments and the gaps between them come out.

Cores: no I/O of their own, no clock; files are begun and ended by who is given as `Files`.

    codecs   the plane's codecs, by their names here and in files
    times    when an RTP timestamp was captured
    asking   when a sender is asked for a keyframe
    streams  the SSRCs of a route, and which of them is recorded
    told     what a track tells: segments, gaps, evidence of time
    track    the rules by which one segment follows another

The rules. A segment of pictures begins with a keyframe. After 4 s the next keyframe begins another, and at once one
that shows another size, is of another SSRC or codec, follows a loss, a pause of more than 2 s, or a jump of the clock
by more than 100 ms. Nothing is cut without a keyframe; a sender is asked for one when none has come for 10 s, or for
half a second after a loss. Sound is cut every 5 s, and where its SSRC, codec or clock changes. What comes to an end
without another is closed after 10 s.

Pictures behind a loss that are whole stay in the file: Chromium plays on over them (`tests/recorder/tracks`), a decoder
shows what it makes of them, and the segment says from when to when they cannot be believed (`Why.UNDECODABLE`). Of AV1
they are not kept, because its decoder in Chromium ends with an error there. What is not kept until a keyframe comes, or
comes while no file can begin with it, is told as a gap (`Why.NO_KEYFRAME`).
"""

from recorder.tracks.times import CaptureTimes, Moment, Times
from recorder.tracks.told import Ended, Evidence, Gap, Report, Why
from recorder.tracks.track import Files, TrackRecorder

__all__ = [
    "CaptureTimes",
    "Ended",
    "Evidence",
    "Files",
    "Gap",
    "Moment",
    "Report",
    "Times",
    "TrackRecorder",
    "Why",
]
