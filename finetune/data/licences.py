"""What may be done with a set, from the name of its licence."""

from __future__ import annotations

import re

from finetune.errors import FinetuneError
from finetune.messages import LICENCE_UNKNOWN, NONCOMMERCIAL
from finetune.recipe import Source

_NONCOMMERCIAL = re.compile(r"(?:^|[-_ ])NC(?:[-_ ]|$)|non-?commercial|research[- ]only", re.IGNORECASE)
_KNOWN = re.compile(
    r"^(?:apache|mit|bsd|isc|cc0|cc-?by|unlicen[sc]e|public domain|psf|python|mpl|l?gpl|agpl|zlib|0bsd|odc|odbl|"
    r"own|proprietary)",
    re.IGNORECASE,
)


def check(source: Source, *, allow_noncommercial: bool) -> str | None:
    """A sentence about a licence that nobody has named, or None.

    Raises:
        FinetuneError: `noncommercial`.
    """
    if is_noncommercial(source.licence) and not allow_noncommercial:
        raise FinetuneError("noncommercial", NONCOMMERCIAL, path=source.path, licence=source.licence)
    return None if is_known(source.licence) else LICENCE_UNKNOWN(path=source.path, licence=source.licence)


def is_noncommercial(licence: str) -> bool:
    """Whether a licence forbids commercial use."""
    return _NONCOMMERCIAL.search(licence) is not None


def is_known(licence: str) -> bool:
    """Whether this is the name of a licence."""
    return _KNOWN.match(licence) is not None
