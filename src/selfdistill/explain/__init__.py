"""Why self-distillation works, made visible: the toy, the identities, and the token view of two models (`explain`)."""
