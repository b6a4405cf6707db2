"""The warehouse: what it holds, how each destination is written to, and what a load leaves in order."""
