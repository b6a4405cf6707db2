{{ config(severity='warn') }}

select suppressions.*
from {{ ref('listrak__suppressions') }} as suppressions
inner join {{ ref('stg_listrak__contacts') }} as contacts
    on contacts.sender_code_id = suppressions.sender_code_id and contacts.phone_number = suppressions.phone_number
where suppressions.is_in_force
    and contacts.removed_at is null
    and contacts.opted_out = false
    and suppressions.told_in not in ('push_changes', 'push_refused_stops')
