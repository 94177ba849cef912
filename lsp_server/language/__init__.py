"""What a Russian comment says: its words and sentences, and whether they ask for code."""
