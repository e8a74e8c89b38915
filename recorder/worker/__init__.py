"""The recorder worker: a process of its own that reads tap rings and writes segment files.

What it reads comes from outside, and FFmpeg reads parameter sets for it: it may crash, hang or be taken over. So it
holds no key and no database; it has the rings, one line to the server and the folder of recordings. What it says is
parsed by the server as anything from outside is. Nothing but the last second is lost with it: what was written stays,
files that were not closed are recovered by the next one, and that reads on in the rings where this one stopped.

    wire      orders and answers (core)       rings     which record is whose (shell)
    hand      whose frame is being begun      store     files, and the thread that syncs and closes them
    recovery  files that were not closed      worker    the loop
    line      answers on their way            process   the server's end: begins, watches, begins again

Files are synced and closed in a thread, so a slow disk stops no reading. What is not on disk yet is bounded; beyond
that frames are dropped and the gap is told. The plane never waits.
"""
