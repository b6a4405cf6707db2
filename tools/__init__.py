"""What makes parts of the documentation out of the code. Not in the wheel."""
