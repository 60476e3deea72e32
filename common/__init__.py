"""What the layers, losses and builders of every method share: options, shapes, augmentation. Knows Keras alone."""


class UserError(ValueError):
    """Something that whoever called can mend: the message says what, expected, received and how to fix it.

    Commands print it as one line and exit with 2; anything else they raise is a bug and keeps its traceback.
    """


def reason_of(error: BaseException) -> str:
    """The first line of what a library raised, or the name of its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class UserTypeError(UserError, TypeError):
    """A `UserError` about the type of what was given."""
