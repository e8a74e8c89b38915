"""All benchmarks, one after another, into one table and one file: `make bench`."""

from benchmarks import (
    connections,
    consultation,
    demonstration,
    first_frame,
    flood,
    icetcp,
    journal,
    latency,
    links,
    parts,
    recording,
    relay,
)

PARTS: parts.Parts = {
    "relay": lambda report: relay.run(report, peer="janus"),
    "icetcp": icetcp.run,
    "latency": latency.run,
    "connections": connections.run,
    "flood": flood.run,
    "first_frame": first_frame.run,
    "demonstration": demonstration.run,
    "journal": journal.run,
    **{f"consultation-{name}": part for name, part in consultation.PARTS.items()},
    **{f"links-{name}": part for name, part in links.PARTS.items()},
    **{f"recording-{name}": part for name, part in recording.PARTS.items()},
}


if __name__ == "__main__":
    parts.main("all benchmarks", __doc__, PARTS)
