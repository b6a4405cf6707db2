"""Push in the warehouse: SQL, rows in a stream, the ledger, and who may work there at a time."""
