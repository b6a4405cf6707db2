"""The process that a command runs in: signals, memory, streams, and files that nobody else reads."""
