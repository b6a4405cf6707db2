{{ listrak.listrak_read('contact_profile_values', {
    'sender_code_id': 'bigint',
    'phone_number': 'text',
    'segmentation_field_id': 'bigint',
    'value': 'text',
    'removed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
