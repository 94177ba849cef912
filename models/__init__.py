"""What a model is: catalog, files, prompt formats. Imports neither `lsp_server` nor any heavy library."""
