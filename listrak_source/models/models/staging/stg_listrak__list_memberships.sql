{{ listrak.listrak_read('list_memberships', {
    'sender_code_id': 'bigint',
    'phone_list_id': 'bigint',
    'phone_number': 'text',
    'subscribed_from': 'timestamp',
    'subscribed_before': 'timestamp',
    'removed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
