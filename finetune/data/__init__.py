"""From rows of a set to token ids with a loss mask."""
