"""Measurements: every number the README reports comes from a command here."""
