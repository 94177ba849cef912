"""Examples: files to try Kodopis on, and the demonstration that `make run` shows."""
