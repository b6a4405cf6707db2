"""A module for each command of ``listrak``."""
