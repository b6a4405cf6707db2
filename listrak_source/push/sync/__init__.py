"""A sync: its file, its columns and fields, and values in canonical form."""
