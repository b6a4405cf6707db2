"""The command ``listrak``: what a person or a scheduler runs."""
