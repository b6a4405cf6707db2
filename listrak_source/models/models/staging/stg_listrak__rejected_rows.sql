{{ listrak.listrak_read('rejected_rows', {
    'rejected_id': 'text',
    'table_name': 'text',
    'reason': 'text',
    'observed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
