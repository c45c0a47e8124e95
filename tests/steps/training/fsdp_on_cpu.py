"""`python -m selfdistill`, with FSDP allowed on the CPU: accelerate turns it on for GPUs only.

What is lifted is that one condition; sharding, gathering and optimizer are torch's own, over gloo.
"""

from __future__ import annotations

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

_initialize = AcceleratorState.__init__


def _with_fsdp(self, *arguments, fsdp_plugin=None, **named) -> None:
    _initialize(self, *arguments, fsdp_plugin=fsdp_plugin, **named)
    plugin = fsdp_plugin or self.__dict__.get("fsdp_plugin")  # each later view of the state starts from MULTI_CPU again
    if plugin is not None and self.distributed_type is DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.FSDP
        if self._mixed_precision != "no":
            plugin.set_mixed_precision(self._mixed_precision)
        self.fsdp_plugin = plugin


AcceleratorState.__init__ = _with_fsdp

if __name__ == "__main__":
    from selfdistill.cli import main

    main()
