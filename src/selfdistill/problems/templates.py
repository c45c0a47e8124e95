"""The words around a problem: instructions for function-style, stdin-style and completion-style answers.

Our own wording of what the paper's prompts ask for. One place for sampling, training and evaluation.
"""

from __future__ import annotations

from typing import Literal

Template = Literal["auto", "plain", "function", "stdin"]

_STDIN = """Solve the following problem with a Python program. The program reads all of its input from standard input \
and prints the answer to standard output, exactly in the format that the problem asks for.

{statement}

Answer with the whole program in one ```python code block."""

_FUNCTION = """Solve the following problem in Python by completing the given code. Keep its names and signatures; it \
will be called, so do not read input or print.

{statement}

Code to complete:
```python
{starter_code}
```

Answer with the whole completed code in one ```python code block."""

_FUNCTION_WITHOUT_CODE = """Solve the following problem in Python.

{statement}

Answer with the whole code in one ```python code block."""


def apply_template(template: Template, statement: str, starter_code: str = "") -> str:
    """The user's message for one problem; `auto` is `function` where there is starter code, else `stdin`."""
    if template == "auto":
        template = "function" if starter_code.strip() else "stdin"
    if template == "plain":
        return statement
    if template == "stdin":
        return _STDIN.format(statement=statement.strip())
    if starter_code.strip():
        return _FUNCTION.format(statement=statement.strip(), starter_code=starter_code.rstrip())
    return _FUNCTION_WITHOUT_CODE.format(statement=statement.strip())
