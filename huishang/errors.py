"""The package's one error."""


class StartError(Exception):
    """The node cannot start. `str()` is one line, Chinese / English, that says what to do about it."""
