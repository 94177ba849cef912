"""Pairs of Russian instruction and code from any folder of Python: a team's own code base, an unpacked package."""
