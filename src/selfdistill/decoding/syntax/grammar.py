"""The grammar of a Python function body, in the Lark dialect of llguidance.

Indentation is what makes Python hard for a context-free grammar. Here it is written out: a block of level d has a
newline lexeme of its own that ends in exactly 4 d spaces, up to a depth. (llguidance has no INDENT and DEDENT, xgrammar
and outlines-core neither.)

It accepts less than Python does: four spaces a level and no tabs, a blank around keyword operators and after keywords,
line breaks inside brackets only; no classes, `async`, `match`, decorators, `global`, `nonlocal`, assignment
expressions, `yield` inside expressions, relative imports, keyword-only markers, nor f-strings that hold more than
names. What it accepts compiles, except where names clash: one parameter or keyword argument twice, or a parameter that
an inner scope also uses otherwise, which no context-free grammar can see.
"""

from __future__ import annotations

import keyword

from jinja2 import Environment, PackageLoader, StrictUndefined

RESERVED = (*keyword.kwlist, "__debug__", "__future__")
"""What no name may be."""


def python_body(depth: int, *, new_line: bool) -> str:
    """The grammar.

    Args:
        depth: levels of indentation.
        new_line: whether the prompt already ended its line, so that the body begins with spaces; else it begins with a
            newline, after the colon of the function's header.
    """
    environment = Environment(
        loader=PackageLoader("selfdistill.decoding", "syntax"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("python_body.lark.jinja")
    return template.render(depth=depth, new_line=new_line, reserved=RESERVED)
