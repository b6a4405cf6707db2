"""What a complete walk did not find: confirmed one by one, held against a budget, and marked as removed."""
