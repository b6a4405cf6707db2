{{ listrak.listrak_read('push_changes', {
    'run_id': 'text',
    'sender_code_id': 'bigint',
    'phone_number': 'text',
    'operation': 'text',
    'status': 'text',
}) }}
