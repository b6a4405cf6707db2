"""What a pull remembers between loads and runs, in the warehouse: how far it has read, and what that rests on."""
