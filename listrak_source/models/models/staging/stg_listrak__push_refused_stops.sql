{{ listrak.listrak_read('push_refused_stops', {
    'sync_name': 'text',
    'sender_code_id': 'bigint',
    'phone_number': 'text',
    'refused_at': 'double',
}) }}
