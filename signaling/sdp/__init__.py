"""One tolerant, bounded SDP core for WebRTC (WHIP, WHEP), SIP and GB/T 28181.

`parse` and `write` between text and `model`; `webrtc` answers offers for the server; `offer` offers and reads
answers for our own client; `trickle` reads and writes ICE fragments; `errors` has every refusal with its
code. No I/O anywhere.
"""
