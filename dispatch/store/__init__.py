"""The database: a projection of the journal that pages may ask, and from which the node starts without reading it all.

Only the journal is the truth. What is here may be thrown away and made anew (`rebuild`), and nothing waits for it: the
projector follows the journal as fast as the database lets it. The index of recordings (`segments`) is a projection of
their chains in the same way, and the server follows those (`huishang.recording.indexing`). Touches one database, SQLite
or PostgreSQL, by SQLAlchemy Core. Refusals are `dispatch.errors.Unavailable`:

    database-gone       it does not answer, or answers with a fault
    database-newer      a newer program has changed it
    database-old        it lacks an upgrade
    database-foreign    it holds another journal
    database-ahead      it holds more than the journal: the journal was restored from an older copy; rebuild
    database-moved      another process writes it
    database-busy       it cannot be replaced while others have it open
    database-fault      a fault of ours, or the journal cannot be read; the log tells more
"""
