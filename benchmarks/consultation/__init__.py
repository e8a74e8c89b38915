"""Figures of consultations: acts and joins before thousands of pages, the timeline, a large directory, the page."""
