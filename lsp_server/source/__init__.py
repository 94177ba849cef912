"""A file of Python as text: its places, its syntax, what is defined where."""
