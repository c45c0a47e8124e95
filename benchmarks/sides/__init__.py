"""The sides that benchmarks/real.py compares: each measures one program in a process of its own."""
