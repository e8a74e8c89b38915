"""When two names are the same: for unique names, for finding, for telling whether one shows anything. Core."""

from __future__ import annotations

import re
import unicodedata

#: What shows nothing: Unicode's Default_Ignorable_Code_Point, and the empty Braille pattern.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Decomposing and folding may each make work for the other; two rounds are enough for all that is assigned.
_ROUNDS = 4
#: Most names as they are; asked first, because every change of the directory folds several.
_FOLDED = re.compile("[0-9a-z\u4e00-\u9fa5]+\\Z")


def fold(name: str) -> str:
    """Return what is left of a name when width, case, spacing and unseen characters are made alike; may be ""."""
    if _FOLDED.match(name):
        return name
    if name.isascii():
        return " ".join(name.lower().split())
    for _ in range(_ROUNDS):
        folded = " ".join(_UNSEEN.sub("", unicodedata.normalize("NFKC", name)).casefold().split())
        if folded == name:
            break
        name = folded
    return name
