{{ config(materialized='view') }}

select
    timeline.sender_code_id,
    sender_codes.code as sender_code,
    timeline.phone_number,
    timeline.event_at,
    timeline.consent_level,
    timeline.phone_list_id,
    lists.phone_list_name,
    timeline.event,
    timeline.event_precision,
    timeline.effective_at,
    timeline.observed_at,
    timeline.hours_until_known,
    timeline.reason,
    case when timeline.event = 'opted_out' then {{ listrak.listrak_reason_class('timeline.reason') }} end as reason_class,
    timeline.seen_in,
    timeline.change,
    timeline.is_on_list,
    timeline.is_opted_out,
    timeline.is_reachable,
    timeline.load_id
from {{ ref('int_listrak__consent_timeline') }} as timeline
left join {{ ref('stg_listrak__sender_codes') }} as sender_codes
    on sender_codes.sender_code_id = timeline.sender_code_id
left join {{ ref('stg_listrak__lists') }} as lists
    on lists.sender_code_id = timeline.sender_code_id and lists.phone_list_id = timeline.phone_list_id
-- Each event once: a stop to the sender code stands in the timeline of each list too.
where timeline.event_list_id = timeline.phone_list_id
