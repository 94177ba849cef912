"""Whole tasks as what an editor really sees: an instruction somewhere in a file, and the code that belongs under it."""
