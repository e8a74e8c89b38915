"""FFmpeg's WHIP muxer, by PyAV, as a publisher.

`python -m tests.peers.pyav_publisher URL TOKEN COLOUR TONE FLAGS FOLDER`; a process of its own, because the muxer
blocks while it negotiates. Unless FLAGS has dtls_active it offers a=setup:passive: the server is the DTLS client.
It gets a certificate, kept in FOLDER: the one it makes by itself is on P-224 where FFmpeg is built with GnuTLS, as in
PyAV's wheels, and neither RFC 8827 (section 6.5) nor OpenSSL 4 knows that curve.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signaling.dtls.certificate import Certificate
from tests.peers import colour, tone

FRAMES_A_SECOND: Final = 25
SIZE: Final = (320, 240)


def certificate(folder: Path) -> dict[str, str]:
    """Make a certificate and its key; return the muxer's options that name them."""
    made = Certificate.generate()
    paths = {"cert_file": folder / "whip.pem", "key_file": folder / "whip.key"}
    paths["cert_file"].write_bytes(made.certificate.public_bytes(Encoding.PEM))
    paths["key_file"].write_bytes(made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {option: str(path) for option, path in paths.items()}


def main(url: str, token: str, colour_name: str, tone_hz: str, flags: str, folder: str) -> None:
    """Publish one colour and one tone until the process is ended."""
    options = {"authorization": token, "whip_flags": flags, **certificate(Path(folder))}
    with av.open(url, "w", format="whip", options=options) as output:
        video = output.add_stream(
            "libx264",
            rate=FRAMES_A_SECOND,
            options={"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline", "g": "25", "bf": "0"},
        )
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.time_base = Fraction(1, FRAMES_A_SECOND)
        audio = output.add_stream("libopus", rate=tone.RATE_HZ, layout="stereo", options={"application": "lowdelay"})
        begun = time.monotonic()
        for number in range(FRAMES_A_SECOND * 3600):
            time.sleep(max(0.0, begun + number / FRAMES_A_SECOND - time.monotonic()))
            picture = colour.solid(colour_name, *SIZE)
            picture.pts = number
            picture.time_base = Fraction(1, FRAMES_A_SECOND)
            output.mux(video.encode(picture))
            for index in (2 * number, 2 * number + 1):
                sound = tone.block(float(tone_hz), index)
                sound.pts = index * tone.BLOCK
                sound.time_base = Fraction(1, tone.RATE_HZ)
                output.mux(audio.encode(sound))


if __name__ == "__main__":
    main(*sys.argv[1:])
