"""Our server's command line, in a process whose GIL can be held: 100 ms in every second, as a bad pause would.

Started like `python -m huishang`; SIGUSR1 turns holding on and off. The product knows nothing of it.
"""

import ctypes
import signal
import threading
import time

from huishang.cli import main as command_line

HELD_US = 100_000
EVERY_S = 1.0


def _hold(wanted: threading.Event) -> None:
    # PyDLL calls C without giving the GIL away: this sleep is everybody's.
    sleep_holding = ctypes.PyDLL(None).usleep
    while True:
        wanted.wait()
        sleep_holding(HELD_US)
        time.sleep(EVERY_S - HELD_US / 1e6)


def _switch(wanted: threading.Event) -> None:
    while True:
        signal.sigwait({signal.SIGUSR1})
        if wanted.is_set():
            wanted.clear()
        else:
            wanted.set()


def main() -> None:
    """Serve until ended, like the command line."""
    # Blocked before any other thread exists, so that only `_switch` gets the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    wanted = threading.Event()
    threading.Thread(target=_hold, args=(wanted,), daemon=True).start()
    threading.Thread(target=_switch, args=(wanted,), daemon=True).start()
    command_line()


if __name__ == "__main__":
    main()
