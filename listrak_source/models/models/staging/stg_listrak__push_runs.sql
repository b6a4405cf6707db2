{{ listrak.listrak_read('push_runs', {
    'run_id': 'text',
    'sync_name': 'text',
    'began_at': 'double',
    'ended_at': 'double',
    'status': 'text',
}) }}
