"""The language server: answers editors from a locally served model."""
