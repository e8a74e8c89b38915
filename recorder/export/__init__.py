"""Exports: what was recorded, for somebody outside. Knows no rights, no HTTP, no database; reads a recordings' root.

    bundle      the evidence bundle of one session: its files, its chain, and what proves them
    archive     as a folder or a ZIP file       disclosure  what of the chain is shown       readme, stamps  for people
    clip        one source from one time to another, nothing transcoded; with selection, mp4clip, webmclip
    copied      Opus in place of G.711 and G.722, for clips
    composed    everything of a time as one picture and one sound; with feeds, grid, canvas, lettering
    process     runs any of them in a process of its own (`python -m recorder.export`), by orders
    outlet      a file or folder that is there whole or not at all          originals  reads what is exported

ExportError
├── ExportRefused    export-refused    it cannot be made; has a stable `reason`
├── ExportCancelled  export-cancelled  raised by who is told of progress
├── ExportFull       export-full       no space
└── ExportFailed     export-failed     the disk failed, or the originals changed meanwhile
"""

from recorder.export.errors import ExportCancelled, ExportError, ExportFailed, ExportFull, ExportRefused

__all__ = ["ExportCancelled", "ExportError", "ExportFailed", "ExportFull", "ExportRefused"]
