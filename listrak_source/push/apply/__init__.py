"""A plan carried out: single writes, lists, import files, what is read back, and undo."""
