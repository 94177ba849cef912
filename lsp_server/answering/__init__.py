"""From a place in a file to an answer there: made once, kept, offered while it still fits."""
