{#- Of each person and list: what was so after each event, of the list and of the sender code as a whole. Whoever has new
    events is worked out anew. A list of number 0 is the sender code itself. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='merge' if listrak.listrak_merges() else 'delete+insert',
    unique_key=(
        ['sender_code_id', 'phone_list_id', 'phone_number', 'event_list_id', 'event', 'event_at']
        if listrak.listrak_merges() else ['sender_code_id', 'phone_number']
    ),
    post_hook=[
        "{{ listrak.listrak_drop_gone(ref('listrak__consent_events'), ['sender_code_id', 'phone_number'], own='event_list_id = phone_list_id') }}",
        "{{ listrak.listrak_analyze() }}",
    ],
) }}
{%- set person_on_list = 'sender_code_id, phone_list_id, phone_number' %}
{%- set so_far = 'partition by ' ~ person_on_list ~ ' order by place' %}

with events as (

    select events.*
    from {{ ref('listrak__consent_events') }} as events
{%- if listrak.listrak_is_incremental() %}
    inner join (
        select distinct sender_code_id, phone_number
        from {{ ref('listrak__consent_events') }}
        where build_number > (select coalesce(max(here.build_number), 0) from {{ this }} as here)
    ) as changed
        on changed.sender_code_id = events.sender_code_id and changed.phone_number = events.phone_number
{%- endif %}

), of_lists as (

    select phone_list_id as event_list_id, events.*
    from events

    union all

    select
        events.phone_list_id as event_list_id,
        events.sender_code_id,
        places.phone_list_id,
        {% for column in [
            'phone_number', 'event', 'event_at', 'consent_level', 'event_precision', 'is_dated', 'event_on',
            'effective_at', 'observed_at', 'observed_on', 'hours_until_known', 'reason', 'seen_in', 'load_id',
            'build_number',
        ] %}events.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from events
    inner join (
        select distinct sender_code_id, phone_number, phone_list_id
        from events
        where phone_list_id <> 0
    ) as places
        on places.sender_code_id = events.sender_code_id and places.phone_number = events.phone_number
    where events.phone_list_id = 0

), placed as (

    select
        of_lists.*,
        -- Of one moment, what takes consent back is what counts.
        row_number() over (
            partition by {{ person_on_list }}
            order by
                event_at,
                observed_at,
                case event when 'opted_in' then 1 when 'subscribed' then 2 when 'pending' then 3
                    when 'unsubscribed' then 4 when 'removed' then 5 else 6 end,
                event_list_id
        ) as place
    from of_lists

), known as (

    select
        placed.*,
        -- The latest of each kind: its place, and behind that what it was.
        coalesce(mod(max(case when event_list_id <> 0 then place * 8 +
            case event when 'subscribed' then 1 when 'pending' then 2 when 'unsubscribed' then 3
                when 'removed' then 4 else 0 end
        end) over ({{ so_far }}), 8), 0) as of_list,
        coalesce(mod(max(case when event_list_id = 0 then place * 8 +
            case event when 'opted_out' then 1 else 0 end
        end) over ({{ so_far }}), 8), 0) as of_sender_code,
        max(case when event_list_id = 0 and event = 'opted_out' then 1 else 0 end) over ({{ so_far }}) as ever_stopped
    from placed

), states as (

    select
        known.*,
        case when of_list = 1 and of_sender_code = 0 then 1 else 0 end as reached
    from known

), compared as (

    select
        states.*,
        coalesce(lag(reached) over ({{ so_far }}), 0) as reached_before,
        coalesce(
            max(reached) over ({{ so_far }} rows between unbounded preceding and 1 preceding), 0
        ) as ever_reached,
        lead(place) over ({{ so_far }}) as next_place
    from states

)

select
    sender_code_id,
    phone_list_id,
    phone_number,
    place,
    event,
    event_list_id,
    event_at,
    event_on,
    consent_level,
    event_precision,
    is_dated,
    effective_at,
    observed_at,
    observed_on,
    hours_until_known,
    of_list = 1 as is_on_list,
    case of_list when 1 then 'subscribed' when 2 then 'pending' when 3 then 'unsubscribed' when 4 then 'removed'
    end as list_state,
    of_sender_code = 1 as is_opted_out,
    reached = 1 as is_reachable,
    case
        when reached > reached_before and (ever_reached = 1 or ever_stopped = 1) then 'came_back'
        when reached > reached_before then 'joined'
        when reached < reached_before and of_sender_code = 1 then 'stopped'
        when reached < reached_before then 'left'
    end as change,
    next_place is null as is_latest,
    reason,
    seen_in,
    load_id,
    build_number
from compared
