"""The errors that a user can act on."""


class AttrimarkError(Exception):
    """Something the user can put right; the message says how. Never shown with a traceback."""


class Unsupported(AttrimarkError):
    """A combination that cannot run (a text too long, a method without its gradients): recorded with its reason."""


class InvalidNumbers(AttrimarkError):
    """What was computed is no finite number of the kind that is due: it is recorded as such, and never averaged."""
