"""Programs as HTML: coloured without script, and harmless whatever they hold.

Completions are hostile text. Everything is escaped by Pygments' formatter; control characters, which a page must not
hold, become visible pictures; and what could reorder the text on screen (bidirectional overrides) does too.
"""

from __future__ import annotations

from functools import cache

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers.markup import MarkdownLexer
from pygments.lexers.python import PythonLexer

_PICTURES = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"} | {0x7F: "␡"}
_REORDERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F], "�")
_VISIBLE = _PICTURES | _REORDERING | dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000)], "�")


def program_html(text: str) -> Markup:
    """A program, or a chat answer with fenced code, as escaped, coloured HTML for inside `<code>`."""
    lexer = _lexer("```" in text)
    return Markup(highlight(visible(text), lexer, HtmlFormatter(nowrap=True)).rstrip("\n"))


def visible(text: str) -> str:
    """The text with everything that a page must not hold, or that could reorder it, turned into pictures."""
    return text.translate(_VISIBLE)


@cache
def _lexer(chat: bool) -> Lexer:
    return MarkdownLexer(stripnl=False) if chat else PythonLexer(stripnl=False)
