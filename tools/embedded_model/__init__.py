"""What made the embedded model: its tokenizer and its pretraining. No part of the package."""
