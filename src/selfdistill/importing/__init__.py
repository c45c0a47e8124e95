"""Settings of other programs that run simple self-distillation, as recipes: TRL's `SSDTrainer` and Apple's ml-ssd."""
