"""Recording, put together: what dispatch wants, the sources it comes from, the worker and the book of evidence.

dispatch and the recorder never import each other; they meet here.

    about       what stands in a recorded file's head (core)
    contents    what the chains say (core)
    tracks      taps, rings, the worker's orders
    chains      what is told to the book
    found       what a crash left on disk
    keeping     the book: opened, tried again, brought up to what is on disk, stamped
    reserve     room for what deletions write on a full disk
    clearing    the files of what is deleted
    retention   what is deleted by policy, and when
    chainrows   what a line of a chain is in the index (core)
    chainsteps  the chains, read a step at a time
    indexing    the index in the database, behind the chains
    exporting   exports: a queue, made one at a time, kept for a day
    exportorders  what their process is ordered to make
    exportnames   what their files are called (core)
    figures     what `/metrics` tells (core)
    troubles    what is wrong with recording, for who watches over the node (core)
    service     all of them, in the life of a node
"""
