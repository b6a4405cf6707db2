"""What a complete walk marks as removed: all that is gone, nothing else, and nothing at all where it is in doubt."""
