"""What export raises, and what it warns about."""


class ExportError(Exception):
    """The function uses something that a compiled program cannot hold; the message names it."""


class ExportWarning(UserWarning):
    """The program is right but not in the form that was asked for."""
