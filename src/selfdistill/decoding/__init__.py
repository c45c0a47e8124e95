"""What a decoding does to logits: the distributions that it makes of them, and the draw."""
