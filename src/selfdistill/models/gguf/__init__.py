"""GGUF, the file format of llama.cpp, Ollama and LM Studio: read as a base model, written as a student.

`read.py` and `write.py` are the two ways; `families.py`, `rope.py`, `splits.py` and `vocabulary.py` hold what llama.cpp
and transformers call by different names.
"""
