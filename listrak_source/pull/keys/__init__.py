"""Keys and hashes of rows: what a pull has seen, and what it has written already."""
