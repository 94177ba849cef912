"""Training the adapter."""
