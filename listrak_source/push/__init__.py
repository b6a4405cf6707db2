"""Push: table differences become contact updates at Listrak, planned first, applied once, checked by reading back."""
