"""A real client, a real server process, over real stdio."""
