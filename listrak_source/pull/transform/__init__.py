"""Rows of the tables, and consent events, out of what was read and what the warehouse holds."""
