"""The account that a sandbox serves: its people, what can happen to them, and what a warehouse should hold of it."""
