{{ config(materialized='view') }}

select
    timeline.sender_code_id,
    timeline.phone_list_id,
    timeline.phone_number,
    lists.phone_list_name,
    case
        when timeline.is_opted_out then 'opted_out'
        when timeline.phone_list_id = 0 then timeline.event
        else timeline.list_state
    end as consent,
    timeline.is_on_list,
    timeline.is_opted_out,
    timeline.is_reachable,
    timeline.list_state,
    timeline.event as latest_event,
    timeline.event_at as latest_event_at,
    timeline.event_precision as latest_event_precision,
    timeline.observed_at as latest_event_observed_at,
    timeline.load_id
from {{ ref('int_listrak__consent_timeline') }} as timeline
left join {{ ref('stg_listrak__lists') }} as lists
    on lists.sender_code_id = timeline.sender_code_id and lists.phone_list_id = timeline.phone_list_id
where timeline.is_latest
