"""Demonstration: a handful of generated field units, each its own process, each with its own picture and tone.

A newcomer has no drone and no township meeting room; this package stands in for them, connecting exactly as real
units do (WHIP, ICE, DTLS-SRTP, RTP). Cores without I/O: ``glyphs``, ``picture``, ``tone``, ``link``. PyAV only in
``encode``. Sockets and processes only in ``relay``, ``unit`` and ``processes``.
"""
