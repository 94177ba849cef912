"""Text of public sets as plain Markdown: HTML turned into it, entities and line ends settled, code left as it is."""

from __future__ import annotations

import html
import re
import unicodedata

_MARKUP = re.compile(r"</(?:p|pre|code|li|ul|ol|blockquote|h[1-6]|div|strong|em|a)>|<br ?/?>|<(?:p|pre)>")
_FENCED = re.compile(r"(```.*?(?:```|\Z))", re.DOTALL)
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#\d+|#x[0-9a-fA-F]+);")
_UNSEEN = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_BLANKS = re.compile(r"\n{4,}")


def clean(text: str) -> str:
    """A text of any set as Markdown."""
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = unicodedata.normalize("NFC", text)
    if is_html(text):
        text = _as_markdown(text)
    elif _ENTITY.search(text):
        text = "".join(part if part.startswith("```") else html.unescape(part) for part in _FENCED.split(text))
    return _BLANKS.sub("\n\n\n", text.replace("\u00a0", " ")).strip("\n")


def is_html(text: str) -> bool:
    """Whether a text is marked up, outside its code."""
    return any(_MARKUP.search(part) for part in _FENCED.split(text) if not part.startswith("```"))


def _as_markdown(text: str) -> str:
    from markdownify import markdownify  # noqa: PLC0415 - brings an HTML parser, and few sets need it

    made = markdownify(text, code_language="python", heading_style="ATX", escape_misc=False,
                       escape_underscores=False, escape_asterisks=False)  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", str(made)).strip()
