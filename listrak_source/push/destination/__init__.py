"""``contact_import``: rows of a dlt pipeline, on their way to contacts at Listrak."""
