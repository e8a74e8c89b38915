"""`python -m recorder.worker FD` with a Unix socket (SOCK_SEQPACKET): bounds the process, and works."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from typing import Final

from recorder.worker.worker import Worker

#: Below the server, whose packets are somebody's call.
NICENESS: Final = 5
#: Of memory of its own; the rings are shared and do not count.
MEMORY_BYTES: Final = 2 << 30
DESCRIPTORS: Final = 8192


def main() -> None:
    os.nice(NICENESS)
    os.umask(0o077)
    # The server ends us by the line, after the last packet; a Ctrl-C and a stop of the service are meant for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for limit, value in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ):
        most = resource.getrlimit(limit)[1]
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (value, value))
    with socket.socket(fileno=int(sys.argv[1])) as line:
        Worker(line).run()


if __name__ == "__main__":
    main()
