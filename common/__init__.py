"""What the layers, losses and builders of every method share: options, shapes, augmentation. Knows Keras alone."""


class UserError(ValueError):
    """Something that whoever called can mend: the message says what, expected, received and how to fix it.

    Commands print it as one line and exit with 2; anything else they raise is a bug and keeps its traceback.
    """


class UserTypeError(UserError, TypeError):
    """A `UserError` about the type of what was given."""
