"""Between the editor and the server: bytes, JSON-RPC, the open documents, what the editor can do."""
