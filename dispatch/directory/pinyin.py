"""How a Chinese name may be typed in Latin letters: in full and by initials, with all readings of its characters. Core.

"重庆" is found as chongqing, zhongqing, cq and zq. A long name of many-voiced characters would have thousands of
spellings; those that differ least from the commonest come first, and `MAX_SPELLINGS` are kept.
"""

from __future__ import annotations

import os
import re
from functools import cache

# Its dictionary of phrases is 46 MB and most of its start; a single character has the same readings without it.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")

from pypinyin import Style, pinyin

#: Of a name, in full and by initials each.
MAX_SPELLINGS = 8
_FIRST_HAN, _LAST_HAN = "\u3400", "\U0003ffff"
#: Latin letters and digits stay together.
_RUN = re.compile(r"[!-~]+|[^\x00-\x7f]+")


@cache
def readings(character: str) -> tuple[str, ...]:
    """Return the readings of a character without tones, the commonest first; itself when it is not Chinese."""
    if not _FIRST_HAN <= character <= _LAST_HAN:
        return (character,)
    found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")
    return tuple(dict.fromkeys(found[0])) if found and found[0] else (character,)


def spellings(name: str) -> tuple[str, ...]:
    """Return the spellings of a folded name, without repetition; none when it holds nothing Chinese."""
    if name.isascii():
        return ()
    full: list[tuple[str, ...]] = []
    initials: list[tuple[str, ...]] = []
    for run in _RUN.findall(name):
        if run.isascii():
            full.append((run,))
            initials.append((run,))
        else:
            full += map(readings, run)
            initials += map(_initials, run)
    return tuple(dict.fromkeys((*_variants(full), *_variants(initials))))


@cache
def _initials(character: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sound[:1] for sound in readings(character)))


def _variants(spoken: list[tuple[str, ...]]) -> list[str]:
    """Return the joined readings, beginning with the commonest, then with ever more places that differ."""
    usual = [each[0] for each in spoken]
    found = ["".join(usual)]
    others = [(place, sound) for place, each in enumerate(spoken) for sound in each[1:]]
    level: list[tuple[int, list[str]]] = [(-1, usual)]
    while level and len(found) < MAX_SPELLINGS:
        deeper: list[tuple[int, list[str]]] = []
        for last, base in level:
            for place, sound in others:
                if place <= last:
                    continue
                varied = base[:]
                varied[place] = sound
                deeper.append((place, varied))
                found.append("".join(varied))
                if len(found) == MAX_SPELLINGS:
                    return found
        level = deeper
    return found
