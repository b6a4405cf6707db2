{{ listrak.listrak_read('lists', {
    'sender_code_id': 'bigint',
    'phone_list_id': 'bigint',
    'phone_list_name': 'text',
    'create_date': 'timestamp',
    'status': 'text',
    'sms_list_type': 'text',
    'require_double_opt_in': 'bool',
    'require_age_gate': 'bool',
    'removed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
