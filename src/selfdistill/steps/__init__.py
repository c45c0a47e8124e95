"""The three steps of SSD: sample from the frozen base, train on the samples, evaluate base and student."""
