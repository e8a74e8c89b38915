import socket as _socket
from collections.abc import Sequence
from typing import Self

from benchmarks.load.path import Keys
from benchmarks.shapes import Shape

class Floor:
    packets: int
    failures: int
    def __new__(
        cls,
        socket: _socket.socket,
        targets: Sequence[tuple[str, int, Keys]],
        shape: Shape,
        *,
        payload_type: int,
        transport_cc_id: int,
        padded: bool = False,
    ) -> Self: ...
    def send(self, on: bool) -> None: ...
    def stop(self) -> None: ...
    def run(self) -> None: ...
