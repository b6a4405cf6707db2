{{ listrak.listrak_read('push_runs', {
    'run_id': 'text',
    'sync_name': 'text',
    'sender_code_id': 'bigint',
    'began_at': 'double',
    'ended_at': 'double',
    'status': 'text',
}) }}
