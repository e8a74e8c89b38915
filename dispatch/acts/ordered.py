"""What the node does with recordings because policies want it (`dispatch.policing`): begins, goes on, lets go.

Each looks again at what is wanted when it is decided: a policy may have been taken back a moment ago.
"""

from __future__ import annotations

from dispatch.acts.base import Act, Desk, declare
from dispatch.acts.consultation import end_recording
from dispatch.acts.recordings import require_room, running, subject
from dispatch.errors import Conflict
from dispatch.policies import Holding, Want, is_longer, is_over
from dispatch.records import Recording

_WHY = "the node itself does it, and nobody else may"


class Order(Act, frozen=True, kw_only=True):
    """Record `of` as policies want it; what is recorded already is kept longer, or paused no more."""

    of: str


@declare("recording.order", Order, right=None, why=_WHY, summary="Record what policies want recorded")
def _order(desk: Desk, act: Order) -> str:
    desk.require_system()
    want = _want(desk, act.of)
    found = desk.tables.recording_of.first(act.of)
    if found is None:
        require_room(desk)
        return _begin(desk, act.of, want)
    recording = desk.tables.recordings.get(found)
    target = f"recording:{found}"
    if is_longer(want.retention, recording.retention):
        desk.change("recording.lengthen", target, recording.session, retention=want.retention)
    if want.is_emergency and recording.paused_us:
        desk.change("recording.pause", target, recording.session, paused_us=0)
    return found


class Roll(Act, frozen=True, kw_only=True):
    """End a recording that has lasted, and begin the next of the same in one step, so that nothing is missed."""

    recording: str


@declare("recording.roll", Roll, right=None, why=_WHY, summary="Go on with another recording of the same")
def _roll(desk: Desk, act: Roll) -> str:
    desk.require_system()
    recording = running(desk, act.recording)
    want = _want(desk, recording.of)
    if recording.paused_us:
        raise Conflict("recording-paused", "the next one would not be")
    end_recording(desk, recording)
    return _begin(desk, recording.of, want)


class Release(Act, frozen=True, kw_only=True):
    """End a recording that was begun for a policy, and that none wants any more; or whose source is gone (`gone`)."""

    recording: str
    gone: bool = False


@declare("recording.release", Release, right=None, why=_WHY, summary="End what no policy wants recorded any more")
def _release(desk: Desk, act: Release) -> str:
    desk.require_system()
    recording = running(desk, act.recording)
    if not act.gone and Holding(desk.tables, desk.now_us).want(recording.of) is not None:
        raise Conflict("recording-wanted", "a policy wants it recorded after all")
    end_recording(desk, recording)
    return ""


class Expire(Act, frozen=True, kw_only=True):
    """A policy's time has passed."""

    policy: str


@declare("policy.expire", Expire, right=None, why=_WHY, summary="Let go of a policy whose time has passed")
def _expire(desk: Desk, act: Expire) -> str:
    desk.require_system()
    policy = desk.tables.policies.get(act.policy)
    if not is_over(policy, desk.now_us):
        raise Conflict("policy-holds", "it was prolonged")
    desk.remove("policy.expire", f"policy:{policy.id}", unit=policy.unit)
    return ""


def _want(desk: Desk, of: str) -> Want:
    want = Holding(desk.tables, desk.now_us).want(of)
    if want is None:
        raise Conflict("recording-not-wanted", "no policy wants it recorded")
    return want


def _begin(desk: Desk, of: str, want: Want) -> str:
    title, unit = subject(desk, of)
    recording = Recording(
        id=desk.new_id(),
        of=of,
        unit=unit,
        title=title,
        why=want.policy.why,
        by=want.policy.by,
        policy=want.policy.id,
        begun_us=desk.now_us,
        retention=want.retention,
    )
    return desk.create("recording.begin", "recording", recording, recording.session)
