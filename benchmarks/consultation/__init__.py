"""Figures of consultations: acts and joins before thousands of pages, the timeline, a large directory, the page."""

from benchmarks.consultation import acts, directory, first_pictures, joins, page_cpu, page_tasks, timeline
from benchmarks.parts import Parts

PARTS: Parts = {
    "acts": acts.run,
    "joins": joins.run,
    "timeline": timeline.run,
    "directory": directory.run,
    "first_pictures": first_pictures.run,
    "page_cpu": page_cpu.run,
    "page_tasks": page_tasks.run,
}
