"""Choosing among several answers: the largest group that agrees, as a decoding of base and student."""
