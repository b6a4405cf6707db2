with stops as (

    select sender_code_id, phone_number, 'contacts' as told_in
    from {{ ref('stg_listrak__contacts') }}
    where opted_out

    union all

    select opt_outs.sender_code_id, opt_outs.phone_number, 'opt_outs'
    from {{ ref('stg_listrak__opt_outs') }} as opt_outs
    left join {{ ref('stg_listrak__contacts') }} as contacts
        on contacts.sender_code_id = opt_outs.sender_code_id and contacts.phone_number = opt_outs.phone_number
    left join {{ ref('listrak__consent_events') }} as returns
        on returns.sender_code_id = opt_outs.sender_code_id
        and returns.phone_number = opt_outs.phone_number
        and returns.phone_list_id = 0
        and returns.event = 'opted_in'
        and returns.event_at > opt_outs.opt_out_date
    where opt_outs.removed_at is null
        and coalesce(contacts.opted_out, true)
        and returns.phone_number is null

)

select stops.*
from stops
left join {{ ref('listrak__suppressions') }} as suppressions
    on suppressions.sender_code_id = stops.sender_code_id
    and suppressions.phone_number = stops.phone_number
    and suppressions.is_in_force
where suppressions.phone_number is null
