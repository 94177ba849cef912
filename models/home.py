"""Where this user's Kodopis keeps its data."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from models.files import expanded


def data_home() -> Path:
    """The data directory: `KODOPIS_HOME`, else the platform's place for it. It need not exist yet."""
    asked = os.environ.get("KODOPIS_HOME", "").strip()
    return expanded(Path(asked)).absolute() if asked else user_data_path("kodopis", appauthor=False)
