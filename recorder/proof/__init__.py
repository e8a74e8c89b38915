"""The proof that what was recorded is what is replayed: formats, cores that write them, cores that verify them.

    records   a session's chain of salted digests             merkle    the server's log over all chains
    chain     writes it                                       proofs    one leaf of it shown to others
    ledger    the server's keys, checkpoints and tokens       excerpt   what a bundle takes of ledger and log
    signing   who signs                                       tokens    what an outside witness says (RFC 3161)
    keys      which key is in force                           stamping  whom to ask when
    ledger_end  where it goes on after a start

    verifying, with findings as data, over chain_reading, segments, ledger_reading, stamps and log

canonical, digests and lines are below them all.

They do no I/O and read no clock (`now` is an argument); files come as pieces of bytes or as callables. The one shell
is `openssl`, which asks the program where our parser of tokens is too strict. A docstring that describes a format says
enough to write a verifier from it.
"""
