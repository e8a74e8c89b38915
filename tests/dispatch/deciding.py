"""Acts done to tables as the coordinator does them, without a journal."""

from __future__ import annotations

from dispatch.acts.base import Act, Desk, decide
from dispatch.fold import set_fields


def done(desk: Desk, act: Act) -> str:
    """Decide an act and apply what it enters; raises what it is refused with, and then nothing has changed."""
    answer = decide(desk, act)
    for draft in desk.drafts:
        set_fields(desk.tables, draft.object, draft.params)
    return answer
