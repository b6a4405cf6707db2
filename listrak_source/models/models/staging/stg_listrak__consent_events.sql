{{ listrak.listrak_read('consent_events', {
    'sender_code_id': 'bigint',
    'phone_list_id': 'bigint',
    'phone_number': 'text',
    'event': 'text',
    'event_at': 'timestamp',
    'effective_at': 'timestamp',
    'observed_at': 'timestamp',
    'reason': 'text',
    'seen_in': 'text',
    '_dlt_load_id': 'text',
}) }}
