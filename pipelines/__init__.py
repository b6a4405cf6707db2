"""The application: what a person or a scheduler runs."""
