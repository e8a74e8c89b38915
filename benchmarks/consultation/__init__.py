"""Figures of consultations: acts and joins before thousands of pages, who is shut out, timeline, directory, page."""

from benchmarks.consultation import (
    acts,
    directory,
    first_pictures,
    joins,
    page_cpu,
    page_tasks,
    revocation,
    timeline,
)
from benchmarks.parts import Parts

PARTS: Parts = {
    "acts": acts.run,
    "joins": joins.run,
    "revocation": revocation.run,
    "timeline": timeline.run,
    "directory": directory.run,
    "first_pictures": first_pictures.run,
    "page_cpu": page_cpu.run,
    "page_tasks": page_tasks.run,
}
