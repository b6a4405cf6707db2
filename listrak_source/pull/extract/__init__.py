"""What is asked of Listrak: the catalog of the account, partitions of it, their pages, lookups of single contacts."""
