"""Simple self-distillation (SSD) of code language models. See README.md; the public names are listed in `api.py`."""
