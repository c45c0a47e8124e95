"""Is the measurement itself right? A model's score under a published protocol, beside the published number."""
