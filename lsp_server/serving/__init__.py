"""The model of a session: chosen, allowed, fetched, started, watched, and asked."""
