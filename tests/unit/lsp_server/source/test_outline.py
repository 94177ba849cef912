from __future__ import annotations

import ast

from lsp_server.source.document import Source
from lsp_server.source.outline import Rank, outline, signatures_below

TEXT = '''\
import os
from typing import (
    Any,
)

LIMIT = 10
lower = 1


def helper(a: int, b: str = "x") -> str:
    """
LIMIT_IN_A_STRING = 1
    """
    return b * a


class Other:
    x = 1


class Store(dict):
    """Хранилище."""

    path: str = "a"

    def __init__(self, root):
        self.root = root
        print(root)
        self.size: int = 0

    @property
    def load(
        self,
        key,
    ) -> Any:
        """
        self.no = 1
        """
        value = 1
        return value

    class Inner:
        y = 2

        def last(self):
            return 1
'''


def source(text: str = TEXT) -> Source:
    return Source("f", text.splitlines(keepends=True))


def test_outline_is_short_valid_python() -> None:
    parts = outline(source(), TEXT.count("\n") - 2)
    text = "\n".join(part.text for part in parts)
    assert text == (
        "import os\nfrom typing import (\n    Any,\n)\nLIMIT = 10\n"
        'def helper(a: int, b: str = "x") -> str: ...\nclass Other: ...\n'
        'class Store(dict):\n    path: str = "a"\n'
        "    def __init__(self, root):\n        self.root = root\n        self.size: int = 0\n"
        "    def load(\n        self,\n        key,\n    ) -> Any: ...\n"
        "    class Inner:\n        y = 2"
    )
    ast.parse(text)
    assert [part.rank for part in parts[:2]] == [Rank.IMPORT, Rank.IMPORT]


WHOLE_IMPORTS = (
    "from os.path import join, \\\n    exists",
    "import re  # (from the library",
    "try:\n    import ujson\nexcept ImportError:\n    ujson = None",
    "if TYPE_CHECKING:\n    from app import Model",
)


def test_imports_are_told_whole() -> None:
    others = (
        '"""Из Python:\nimport nothing\n"""',
        "def f():\n    import late",
        "if __name__:\n    import sys\n    main()",
    )
    text = "\n".join([*others, *WHOLE_IMPORTS, "import last", ""])
    parts = outline(source(text), text.count("\n"))
    assert tuple(part.text for part in parts if part.rank is Rank.IMPORT) == (*WHOLE_IMPORTS, "import last")


def test_imports_in_broken_code_are_told() -> None:
    parts = outline(source("import os\nx = (\nimport re\nfrom a import (\ny = 1\n"), 5)
    assert [part.text for part in parts if part.rank is Rank.IMPORT] == ["import os", "import re"]


def test_top_level_has_no_scopes() -> None:
    assert all(part.rank in (Rank.IMPORT, Rank.TOP_LEVEL) for part in outline(source(), 15))


def test_init_without_attributes_stays_valid() -> None:
    parts = outline(
        source("class A:\n    def __init__(self):\n        pass\n\n    def f(self):\n        return 1\n"), 4
    )
    assert [part.text for part in parts] == ["class A:", "    def __init__(self): ..."]


def test_signatures_below() -> None:
    assert signatures_below(source(), 5, {"helper", "Store", "load"}) == [
        'def helper(a: int, b: str = "x") -> str: ...',
        "class Store(dict): ...",
    ]


def test_endless_signature() -> None:
    assert outline(source("def f(\n" + "    a,\n" * 100 + "x = 1\n"), 101)[0].text.count("\n") == 19
