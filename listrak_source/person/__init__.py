"""One person, and everybody who has said stop: what the tables of pull and push tell of them."""
