{{ listrak.listrak_read('profile_fields', {
    'sender_code_id': 'bigint',
    'segmentation_field_id': 'bigint',
    'segmentation_field_name': 'text',
    'data_type': 'text',
    'status_flag': 'text',
    'removed_at': 'timestamp',
    '_dlt_load_id': 'text',
}) }}
