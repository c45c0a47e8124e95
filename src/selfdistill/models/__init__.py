"""A causal language model on disk or on the hub: its configuration, tokenizer, weights and device."""
