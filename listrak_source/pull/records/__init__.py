"""What becomes of a record: decoded, coerced, masked, normalized into rows, or set aside in quarantine."""
