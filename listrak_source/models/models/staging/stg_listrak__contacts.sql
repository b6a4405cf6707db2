{{ listrak.listrak_read('contacts', {
    'sender_code_id': 'bigint',
    'phone_number': 'text',
    'email_address': 'text',
    'first_name': 'text',
    'last_name': 'text',
    'birthday': 'date',
    'postal_code': 'text',
    'opted_out': 'bool',
    'subscribe_date': 'timestamp',
    'unsubscribe_date': 'timestamp',
    'removed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
