"""Measuring models: running what they write, and scoring it."""
