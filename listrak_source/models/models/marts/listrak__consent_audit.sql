{{ config(materialized='view') }}

select
    events.sender_code_id,
    sender_codes.code as sender_code,
    events.phone_number,
    events.event_at,
    events.consent_level,
    events.phone_list_id,
    lists.phone_list_name,
    events.event,
    events.event_precision,
    events.effective_at,
    events.observed_at,
    events.hours_until_known,
    events.reason,
    case when events.event = 'opted_out' then {{ listrak.listrak_reason_class('events.reason') }} end as reason_class,
    events.seen_in,
    timeline.change,
    timeline.is_on_list,
    timeline.is_opted_out,
    timeline.is_reachable,
    events.load_id
from {{ ref('listrak__consent_events') }} as events
inner join {{ ref('int_listrak__consent_timeline') }} as timeline
    on timeline.sender_code_id = events.sender_code_id
    and timeline.phone_list_id = events.phone_list_id
    and timeline.event_list_id = events.phone_list_id
    and timeline.phone_number = events.phone_number
    and timeline.event = events.event
    and timeline.event_at = events.event_at
left join {{ ref('stg_listrak__sender_codes') }} as sender_codes
    on sender_codes.sender_code_id = events.sender_code_id
left join {{ ref('stg_listrak__lists') }} as lists
    on lists.sender_code_id = events.sender_code_id and lists.phone_list_id = events.phone_list_id
