"""Editing benchmark: a file with a cursor under a Russian instruction, and a check that runs the finished file."""
