# SPDX-License-Identifier: Apache-2.0
"""What tensorwright raises. Three kinds, because the reader's next step differs: change the input, use another way, report a bug."""


class Error(Exception):
    """The base of all of them.

    `message` says what was expected and found, `places` where (innermost first: a node of the model, a pass, a file), `hint` what to do.
    """

    def __init__(self, message, places=(), hint="", text=None):
        super().__init__(message)
        self.message, self.places, self.hint = message, tuple(places), hint
        self._text = text

    def __str__(self):
        if self._text is not None:
            return self._text
        lines = [self.message, *(f"  at {place}" for place in self.places)]
        return "\n".join(lines + [f"  hint: {self.hint}"] if self.hint else lines)

    def __reduce__(self):
        return type(self), (self.message, self.places, self.hint, self._text)


class UserError(Error, ValueError):
    """A mistake in what was passed: the model, an input, an option."""


class ScheduleError(UserError):
    """A schedule primitive was refused: its message says what must hold, its places show the line of the kernel."""


class UnsupportedError(Error, NotImplementedError):
    """What tensorwright cannot do: an operator, a type, a target."""


class InternalError(Error):
    """A bug of tensorwright. Please report it."""
