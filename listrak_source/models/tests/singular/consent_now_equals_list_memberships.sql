{#- Who has left one list stands in list_memberships until a complete walk; the lookup that tells of it may come before. -#}
with there as (

    select sender_code_id, phone_list_id, phone_number
    from {{ ref('stg_listrak__list_memberships') }}
    where removed_at is null

), here as (

    select sender_code_id, phone_list_id, phone_number, is_on_list, list_state
    from {{ ref('listrak__consent_now') }}
    where phone_list_id <> 0

)

select here.sender_code_id, here.phone_list_id, here.phone_number, 'on no list there' as difference
from here
left join there
    on there.sender_code_id = here.sender_code_id
    and there.phone_list_id = here.phone_list_id
    and there.phone_number = here.phone_number
where here.is_on_list and there.phone_number is null and exists (select 1 from {{ ref('stg_listrak__list_memberships') }})

union all

select there.sender_code_id, there.phone_list_id, there.phone_number, 'on no list here'
from there
left join here
    on there.sender_code_id = here.sender_code_id
    and there.phone_list_id = here.phone_list_id
    and there.phone_number = here.phone_number
where coalesce(here.list_state, 'none') not in ('subscribed', 'unsubscribed', 'pending')
    and exists (select 1 from {{ ref('listrak__consent_events') }})
