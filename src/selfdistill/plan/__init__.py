"""What a recipe would cost before it is run: tokens, GPU hours, disk, memory, and where the time goes."""
