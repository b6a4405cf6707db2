"""How fast, and how often: requests side by side and by the second, attempts again, and a count of them."""
