"""Composition root and command line: imports every package, imported by none."""

__version__ = "0.1.0"
