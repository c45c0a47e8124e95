"""From what a model wrote to a program that can be run. Text in, text out: nothing is run here."""
