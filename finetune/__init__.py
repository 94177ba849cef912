"""Builds models: data, training, evaluation, export. Does not import `lsp_server`."""
