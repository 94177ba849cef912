"""LSP features, one module each: convert from LSP, walk the pipeline, convert back."""
