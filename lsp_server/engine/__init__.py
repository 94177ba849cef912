"""The engine: the process that holds the model, and the ways to reach it."""
