"""The proof that what was recorded is what is replayed: formats, cores that write them, cores that verify them.

    records   a session's chain of salted digests                 merkle      the server's log over all chains
    chain     writes it                                           proofs      one leaf of it shown to others
    reading   reads it and says what is wrong                     tokens      what outside witnesses say (RFC 3161)
    ledger    the server's keys, checkpoints and tokens           stamping    whom to ask when
    signing   who signs                                           stamps      which witnesses count
    keys      which key is in force                               verifying   all of it together, as findings
    excerpt   what a bundle takes of ledger and log               findings    the codes of what verification says

They do no I/O and read no clock (`now` is an argument); files come as pieces of bytes or as callables. The one shell
is `openssl`, which asks the program where our parser of tokens is too strict. A docstring that describes a format says
enough to write a verifier from it.
"""
