"""The recipe's section on what a run checks beside its scores."""

from __future__ import annotations

from selfdistill.recipe.contamination import ContaminationSettings
from selfdistill.recipe.regressions import RegressionSettings
from selfdistill.recipe.section import Section


class ChecksSettings(Section):
    """What a run checks beside its scores."""

    contamination: ContaminationSettings = ContaminationSettings()
    regressions: RegressionSettings = RegressionSettings()
