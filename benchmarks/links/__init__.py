"""What bad links do to picture and sound: the real server and our client behind a link that is drawn by a seed."""

from benchmarks.links import chromium, geo, janus, share, step
from benchmarks.parts import Parts

PARTS: Parts = {
    "step": step.run,
    "share": share.run,
    "geo": geo.run,
    "chromium": chromium.run,
    "janus": janus.run,
}
