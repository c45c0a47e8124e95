"""What models are asked: prompts to sample from and problems to be judged by, read, rendered and tokenised."""
