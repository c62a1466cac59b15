"""The errors a user can cause, and the exit code each one ends the program with.

Every message is one line: what was wrong, the value, what to do. Anything else that is raised is a bug in kinema and
shows its traceback.
"""


class KinemaError(Exception):
    """A failure that is explained in one line; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(KinemaError):
    """A path, flag, list, recipe or checkpoint that cannot be used as given."""

    exit_code = 2


class DataError(KinemaError):
    """A video that cannot be read, or a data set in which `kinema data check` found problems."""

    exit_code = 3


class FlowError(DataError):
    """Flow on disk that is damaged; `kinema data check` reads videos, and finds none of it."""


class ReadersGone(KinemaError):  # noqa: N818 - named for what happened
    """The processes that read video have been killed."""


class Stopped(KinemaError):  # noqa: N818 - named for what happened
    """A signal asked the program to end, before or after training; the same command goes on."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again


class NonFiniteLoss(KinemaError):  # noqa: N818 - named for what happened, as users search for it
    """Training met a loss that is NaN or infinite and stopped."""

    exit_code = 4


MOST_NAMES = 40
"""Names that a person looks through in one line."""


def nearest(name: str, known: list[str], all_are_in: str = "") -> str:
    """A hint for a mistyped name: the closest known one first, then all of them, if a person can look through them.

    `all_are_in` is what lists them where they are too many.
    """
    import difflib

    if len(known) > 2000:
        return f"{len(known)} others are known"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    if len(known) > MOST_NAMES:
        return f"{hint}{len(known)} are known" + (f": {all_are_in} has them" if all_are_in else "")
    return f"{hint}known: {', '.join(known)}"
