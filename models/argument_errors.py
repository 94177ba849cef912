"""What argparse says of a wrong command line, in the user's language.

argparse asks gettext, for which Python brings no translations. A sentence that is not known here stays as it is.
"""

from __future__ import annotations

import re

from models.messages import (
    ARGUMENT_AMBIGUOUS,
    ARGUMENT_CHOICE,
    ARGUMENT_CONFLICT,
    ARGUMENT_NO_INT,
    ARGUMENT_NO_VALUE,
    ARGUMENTS_MISSING,
    ARGUMENTS_UNKNOWN,
)

_SENTENCES = (
    (re.compile(r"unrecognized arguments: (?P<names>.+)"), ARGUMENTS_UNKNOWN),
    (re.compile(r"the following arguments are required: (?P<names>.+)"), ARGUMENTS_MISSING),
    (
        re.compile(r"argument (?P<name>.+?): invalid choice: (?P<value>.+) \(choose from (?P<known>.+)\)"),
        ARGUMENT_CHOICE,
    ),
    (re.compile(r"argument (?P<name>.+?): invalid int value: (?P<value>.+)"), ARGUMENT_NO_INT),
    (re.compile(r"argument (?P<name>.+?): expected one argument"), ARGUMENT_NO_VALUE),
    (re.compile(r"argument (?P<name>.+?): not allowed with argument (?P<other>.+)"), ARGUMENT_CONFLICT),
    (re.compile(r"ambiguous option: (?P<name>\S+) could match (?P<known>.+)"), ARGUMENT_AMBIGUOUS),
)


def in_users_language(message: str) -> str:
    """A sentence of argparse's, in the user's language."""
    for pattern, said in _SENTENCES:
        if match := pattern.fullmatch(message):
            return said(**match.groupdict())
    return message
