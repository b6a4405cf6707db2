{{ listrak.listrak_read('sender_codes', {
    'sender_code_id': 'bigint',
    'code': 'text',
    'country': 'text',
    'merchant_name': 'text',
    'removed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
