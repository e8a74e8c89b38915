"""A child for the process tests: writes its pid and orders to a file named by the unit, then waits for its end."""

import os
import sys
from pathlib import Path

from huishang.demo.processes import Orders

if __name__ == "__main__":
    orders = Orders.from_line(sys.stdin.buffer.readline())
    target = Path(orders.url) / f"{sys.argv[1]}.{os.getpid()}"
    target.with_suffix(".new").write_text(orders.token)
    target.with_suffix(".new").rename(target.with_name(f"{target.name}.ready"))
    if sys.argv[1] == "short":
        sys.exit(3)
    sys.stdin.buffer.read()
