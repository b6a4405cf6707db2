"""Times a pull against what a user would use instead, on the same sandbox in the same run."""
