"""Every text of this package that a user may see, in Russian and English. One sentence each, ending with the next step."""

from __future__ import annotations

from models.messages import Message
