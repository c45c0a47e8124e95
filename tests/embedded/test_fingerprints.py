"""The data are the same on every machine and after every change that is not meant to change them.

A deliberate change makes new weights necessary: rebuild (docs/embedded.md), then print the new values with
`python tests/embedded/test_fingerprints.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from selfdistill import embedded
from selfdistill.embedded import corpus

DATA: dict[str, Callable[[], Iterable[Any]]] = {
    "validation": lambda: embedded.problems("validation"),
    "test": lambda: embedded.problems("test"),
    "validation scalars": lambda: embedded.problems("validation", "scalars"),
    "test scalars": lambda: embedded.problems("test", "scalars"),
    "validation strings": lambda: embedded.problems("validation", "strings"),
    "test strings": lambda: embedded.problems("test", "strings"),
    "validation json": lambda: embedded.json_problems("validation"),
    "test json": lambda: embedded.json_problems("test"),
    "prompts": lambda: embedded.prompts(),
    "json prompts": lambda: embedded.json_prompts(2_000),
    "texts": lambda: embedded.texts(2_000),
    "texts scalars": lambda: embedded.texts(1_000, "scalars"),
    "texts strings": lambda: embedded.texts(1_000, "strings"),
    "held out": lambda: embedded.held_out(),
    "pretraining": lambda: corpus.pretraining(2_000),
    "instruct": lambda: corpus.instruct(1_000),
}
FINGERPRINTS = {
    "validation": "2ed662de9c9f482c9da0191f181060a3ec4f6bd2bf9dad384876a64aa50dd33a",
    "test": "5648a6e90dcf248cd4ad4d94ae12dfe26b545d5e68647d2f7e22922007505504",
    "validation scalars": "ccf64bb2c97078a7081fb5c079067264949a52fb4efcf2386e449426e1d76f62",
    "test scalars": "e97ee4e0c7074063060ebaf17067aacc2de2eacd5b68cc04832e8656a33e8674",
    "validation strings": "804919c30e77f5941d29cb2202154cce856f8ec2ec01bd30ae20fd948dc4ffae",
    "test strings": "7cb60b3b125bbcfc8ec923519568e4bf8ac19f9ed8a5c362ed052e4e9eb59b00",
    "validation json": "2855fe41ea0daaf67ead4b6a329cd3070c8e719f68a867d6934127bdecd369be",
    "test json": "5afcdf926a2fabb8f9fe0a44eca8c4808ba5a8bb373260b304d7c1d76a205d69",
    "prompts": "b96bc40ab8f5a9e0fdba260322722c2545a44ac432e93c43f8856d2c548ab6bc",
    "json prompts": "818022e17cd09d33e2b8c49c5686b0d8c7da75c7135db2be0a1cda714fa6edaa",
    "texts": "5c4782146e3d716e8342fb168c77406b2bcd1f39d45297efd9c4491303920595",
    "texts scalars": "bfb1cb8533d25347ec87dea89bd140a0e082ec10eb50535f7e0d2ede5b60d981",
    "texts strings": "e8112b79a6fab7c9822ecbb8b684c9c387731f2f6b47a8c7afdfff0828d72d25",
    "held out": "7415a51cb24e5885c14b306c5cac9bd7366a4e8661c1f82c54619b70d286a866",
    "pretraining": "8a5d65665219fc1858763b035443a21e62fdbf6c3603f644642af6603800d980",
    "instruct": "57b789633f0f6422c2b742ced3d015eb841a093503548e1622ee5ba71ac329cd",
}


@pytest.mark.parametrize("name", DATA)
def test_fingerprint(name):
    assert embedded.fingerprint(DATA[name]()) == FINGERPRINTS[name]


if __name__ == "__main__":
    for name, items in DATA.items():
        print(f'    "{name}": "{embedded.fingerprint(items())}",')
