"""What the rule `needed` keeps of a program, and what it drops: judged by running what is left."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfdistill.problems.programs.needed import needed_program
from selfdistill.problems.programs.used_names import used_names
from selfdistill.records import AssertTests, CallTests, StdinTests

DROPPED = {
    "a wrong assertion": "def f(x):\n    return x\nassert f(3) == 4\n",
    "a print": "def f(x):\n    return x\nprint(1 / 0)\n",
    "input": "def f(x):\n    return x\nn = int(input())\nprint(f(n))\n",
    "input before it": "n = int(input())\ndef f(x):\n    return x\n",
    "a loop over x": "def f(x):\n    return x\nfor x in [input()]:\n    print(f(x))\n",
    "an unclosed last line": "def f(x):\n    return x\nprint(f(\n",
    "an unclosed text": 'def f(x):\n    return x\n"""\nand so on',
    "a half definition": "def f(x):\n    return x\n\ndef g(y):\n    retur",
    "a guard": "def f(x):\n    return x\nif __name__ == '__main__':\n    raise SystemExit\n",
    "a test function that is called": "def f(x):\n    return x\ndef test():\n    assert f(1) == 2\ntest()\n",
    "a test function that gets it": "def f(x):\n    return x\ndef check(g):\n    assert g(1) == 2\ncheck(f)\n",
    "an import for its tests": "def f(x):\n    return x\nimport not_there_at_all\n",
    "unittest": "def f(x):\n    return x\nimport unittest\nclass T(unittest.TestCase): pass\nunittest.main()\n",
    "a result": "def f(x):\n    return x\nresult = f()\n",
    "text after the code": "def f(x):\n    return x\n\nThis function returns its argument.\n",
    "an exit": "def f(x):\n    return x\nimport sys\nsys.exit(3)\n",
    "one of two on a line": "def f(x): return x\nresult = 1; assert f(3) == 4; other = 2\n",
    "Windows lines": "def f(x):\r\n    return x\r\nassert f(3) == 4\r\n",
}
KEPT = {
    "a constant below it": "def f(x):\n    return x * ONE\nONE = 1\n",
    "a helper below it": "def f(x):\n    return g(x)\ndef g(x):\n    return h(x)\nh = lambda y: y\n",
    "a table that a loop fills": "t = []\nfor i in range(9):\n    t.append(i)\ndef f(x):\n    return t[x]\n",
    "a table filled below": "def f(x):\n    return table[x]\ntable = {}\nfor i in range(9):\n    table[i] = i\n",
    "a table that a function fills": (
        "table = {}\ndef fill():\n    for i in range(9):\n        table[i] = i\n"
        "def f(x):\n    return table[x]\nfill()\nprint(table)\n"
    ),
    "a table passed to who fills it": (
        "def fill(t):\n    t.extend(range(9))\ndef f(x):\n    return table[x]\ntable = []\nfill(table)\n"
    ),
    "a global that a function sets": (
        "def start():\n    global bonus\n    bonus = 0\ndef f(x):\n    return x + bonus\nstart()\n"
    ),
    "a decorator applied below": "import functools\ndef f(x):\n    return x\nf = functools.lru_cache(None)(f)\n",
    "an attribute of the function": "def f(x):\n    f.calls += 1\n    return x\nf.calls = 0\n",
    "registered by a decorator": (
        "RULES = {}\ndef rule(g):\n    RULES['g'] = g\n    return g\n"
        "def f(x):\n    return RULES['g'](x)\n@rule\ndef identity(x):\n    return x\n"
    ),
    "single dispatch": (
        "from functools import singledispatch\n@singledispatch\ndef f(x):\n    return None\n"
        "@f.register(int)\ndef _(x):\n    return x\n"
    ),
    "subclasses that register themselves": (
        "class Base:\n    known = []\n    def __init_subclass__(cls):\n        Base.known.append(cls)\n"
        "def f(x):\n    return Base.known[0]().go(x)\nclass One(Base):\n    def go(self, x):\n        return x\n"
    ),
    "looked up by name": "def f(x):\n    return globals()['g' + 'o'](x)\ndef go(x):\n    return x\n",
    "evaluated": "def f(x):\n    return eval('ONE * x')\nONE = 1\n",
    "an import below": "def f(x):\n    return math.floor(x)\nimport math\n",
    "an import that may fail": (
        "try:\n    import not_there\nexcept ImportError:\n    not_there = None\n"
        "def f(x):\n    return x if not not_there else 0\n"
    ),
    "a star import": "from math import *\ndef f(x):\n    return floor(x)\n",
    "defined under a condition": "import sys\nif sys.version_info > (3,):\n    def f(x):\n        return x\n",
    "a class with the method": "class Solution:\n    def f(self, x):\n        return K * x\nK = 1\n",
    "a match statement": "match 3:\n    case ONE:\n        pass\ndef f(x):\n    return x + ONE - 3\n",
    "a chained assignment": "a = b = 1\ndef f(x):\n    return b * x\n",
    "a walrus": "(one := 1)\ndef f(x):\n    return x * one\n",
    "the last of two definitions": "def f(x):\n    return 0\nprint(f(1))\ndef f(x):\n    return x\n",
    "a table filled by who also tries it": (
        "def f(x):\n    return t[x]\nt = []\ndef main():\n    t.extend(range(9))\n    print(f(1))\nmain()\n"
    ),
    "a table filled in a try": (
        "def f(x):\n    return t[x]\nt = {}\ntry:\n    t[3] = 3\n    print(f(3))\nfinally:\n    pass\n"
    ),
    "filled by a lambda": "def f(x):\n    return t[x]\nt = {}\nlist(map(lambda i: t.__setitem__(i, i), range(9)))\n",
    "not the main program": "def f(x):\n    return t[x]\nt = []\nif __name__ != '__main__':\n    t.extend(range(9))\n",
    "defined in both cases": (
        "if __name__ == '__main__':\n    def f(x):\n        return x\n"
        "else:\n    def f(x):\n        return x\nprint(1)\n"
    ),
    "defined by exec": "def f(x):\n    return h(x)\nexec('def h(x): return x')\n",
    "put into the globals": "def f(x):\n    return 0\ndef g(x):\n    return x\nglobals()['f'] = g\n",
    "after a backslash": "a = 0; \\\nprint(a)\ndef f(x): return x + a\nprint(f(1))\n",
    "letters of two bytes": "é = 'ü'; print(é)\ndef f(x): return x if é else 0\n",
}


def value(source: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "solution"}
    exec(source, namespace)
    return namespace["Solution"]().f(3) if "Solution" in namespace else namespace["f"](3)


@pytest.mark.parametrize("source", DROPPED.values(), ids=DROPPED)
def test_the_models_own_use_is_dropped(source: str) -> None:
    left = needed_program(source, {"f"})
    assert value(left) == 3
    assert left != source


@pytest.mark.parametrize("source", KEPT.values(), ids=KEPT)
def test_what_the_function_needs_stays(source: str) -> None:
    assert value(source) == 3
    assert value(needed_program(source, {"f", "Solution"})) == 3


def test_settings_stay_wherever_they_stand() -> None:
    source = "import sys\ndef f(x):\n    return x\nsys.setrecursionlimit(5000); print(f(3))\n"
    left = needed_program(source, {"f"})
    assert "sys.setrecursionlimit(5000)" in left
    assert "print" not in left
    before = "from decimal import getcontext\ngetcontext().prec = 50\ndef f(x):\n    return x\n"
    assert needed_program(before, {"f"}) == before


def test_a_program_of_nothing_else_is_left_alone() -> None:
    source = 'import math\n\n\ndef f(x):\n    """Doc."""\n    return x  # x\n'
    assert needed_program(source, {"f"}) is source
    assert needed_program("print(1)\n", {"f"}) == "print(1)\n"  # binds nothing that is tested
    assert needed_program("def f(:\n", {"f"}) == "def f(:\n"


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5000,
        "-" * 50_000 + "1",
        "x = " + "[" * 150 + "]" * 150 + "\ndef f(x): return x\n",
        "x" + ".y" * 50_000,
        "def f(x):\n    return x\n" + "try:\n    x = 1\n" * 3000,
        "if x:\n  pass\n" + "elif x:\n  pass\n" * 5000 + "f = 1\n",
        "f = '\0'",
        "f = '\ud800'",
        "a" * 300_000,
        "def f(x): return x\n" + "print(f(1))\n" * 9_000,
        "def f(x): return x\n" + "def t(): pass\n" * 4_000 + "t()\n" * 4_000,
        "def f(x): return x\n" + "g()\n" * 40_000,
        "def f(x): return x0\n" + "".join(f"x{i} = x{i + 1}\n" for i in range(9_000)),
        "def f(x): return x0\n" + "".join(f"x{i}.append(x{i + 1})\n" for i in range(6_000)),
        "def f(x): return x0()\n" + "".join(f"def x{i}(): return x{i + 1}()\n" for i in range(4_000)),
    ],
    ids=[
        "brackets",
        "signs",
        "nested",
        "attributes",
        "tries",
        "elifs",
        "zero",
        "surrogate",
        "long",
        "loop",
        "calls",
        "many",
        "chain",
        "chain of changes",
        "chain of calls",
    ],
)
@pytest.mark.timeout(60)  # quadratic, the last ones take minutes
def test_hostile_text_costs_little_and_raises_nothing(source: str) -> None:
    assert isinstance(needed_program(source, {"f"}), str)


@given(
    st.lists(st.sampled_from(["def f(x):", "    return x", "print(f(1))", "x = [", "]", '"""', "import os", ";", "\t"]))
)
def test_any_lines_give_text_that_still_binds_the_function(lines: list[str]) -> None:
    source = "\n".join(lines)
    left = needed_program(source, {"f"})
    if left != source:
        compile(left, "left", "exec")
        assert "def f" in left


def test_the_names_that_tests_use() -> None:
    assert used_names(CallTests("f", ())) == {"f", "Solution"}
    assert used_names(StdinTests(())) == frozenset()
    script = "import math\nassert set(f(1)) == {2}\nassert math.isclose(g.h(x=[i for i in range(3)]), 1)"
    assert used_names(AssertTests(script)) == {"f", "g"}
    assert used_names(AssertTests("def check(candidate):\n    assert candidate(1)", "f")) == {"f"}
    assert used_names(AssertTests("assert sum(1) == 2", setup="from solution import sum\n")) == {"sum"}
    assert used_names(AssertTests("assert (", "f")) == {"f"}
