{{ listrak.listrak_read('opt_outs', {
    'sender_code_id': 'bigint',
    'phone_number': 'text',
    'opt_out_date': 'timestamp',
    'opt_out_reason': 'text',
    'removed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
