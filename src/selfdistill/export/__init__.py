"""A student in other forms: GGUF for llama.cpp, Ollama and LM Studio, and LoRA adapters unmerged."""
