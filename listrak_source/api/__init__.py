"""Speaks HTTP with Listrak; knows nothing of tables."""
