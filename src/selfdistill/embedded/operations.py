"""All operations that embedded problems are chains of. Their order fixes what a seed draws: append, never sort."""

from __future__ import annotations

from selfdistill.embedded.list_operations import LIST_WHOLES
from selfdistill.embedded.number_operations import INT_FILTERS, INT_MAPS, INT_REDUCTIONS
from selfdistill.embedded.operation import Constant, Operation, Shape, Type
from selfdistill.embedded.string_operations import STR_FILTERS, STR_MAPS, STR_REDUCTIONS, TEXT_OPERATIONS

__all__ = ["OPERATIONS", "Constant", "Operation", "Shape", "Type"]

OPERATIONS = (
    INT_FILTERS + INT_MAPS + STR_FILTERS + STR_MAPS + LIST_WHOLES + INT_REDUCTIONS + STR_REDUCTIONS + TEXT_OPERATIONS
)
