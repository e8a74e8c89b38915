"""`python -m huishang`."""

from huishang.entry import main

main()
