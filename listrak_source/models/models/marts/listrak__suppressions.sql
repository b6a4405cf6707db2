{#- A stop counts wherever it was seen. It is over only where Listrak has told of the return since: an opted_in event later
    than the stop. Of a stop without a date nobody knows what is later, and one that was seen after the return may have a
    date that is wrong: such a one is over only where the contact is not opted out now, too. `listrak suppressions` lists
    the same people (listrak_source/person/suppressed.py). -#}
{%- set undated = listrak.listrak_moment('1900-01-02 00:00:00') %}
{%- set no_time = 'cast(null as ' ~ listrak.listrak_type('timestamp') ~ ')' %}
{%- set no_text = 'cast(null as ' ~ listrak.listrak_type('text') ~ ')' %}

with of_sender_codes as (

    select *
    from {{ ref('listrak__consent_events') }}
    where phone_list_id = 0

), stops as (

    select
        sender_code_id,
        phone_number,
        case when opt_out_date >= {{ undated }} then opt_out_date end as stopped_at,
        opt_out_reason as reason,
        'opt_outs' as told_in,
        {{ no_time }} as seen_at
    from {{ ref('stg_listrak__opt_outs') }}

    union all

    select
        sender_code_id,
        phone_number,
        case when event_at >= {{ undated }} then event_at end,
        reason,
        'consent_events',
        observed_at
    from of_sender_codes
    where event = 'opted_out'

    union all

    -- Where it is not said whether somebody is opted out, a date of leaving without a later one of joining says it.
    select sender_code_id, phone_number, unsubscribe_date, {{ no_text }}, 'contacts', {{ no_time }}
    from {{ ref('stg_listrak__contacts') }}
    where opted_out
        or (
            opted_out is null
            and unsubscribe_date is not null
            and (subscribe_date is null or subscribe_date <= unsubscribe_date)
        )

    union all

    select
        changes.sender_code_id,
        changes.phone_number,
        {{ listrak.listrak_from_epoch('runs.began_at') }},
        {{ dbt.concat(["'push of '", 'runs.sync_name']) }},
        'push_changes',
        {{ no_time }}
    from {{ ref('stg_listrak__push_changes') }} as changes
    inner join {{ ref('stg_listrak__push_runs') }} as runs on runs.run_id = changes.run_id
    where changes.operation = 'opt_out'

    union all

    select
        sender_code_id,
        phone_number,
        {{ listrak.listrak_from_epoch('refused_at') }},
        {{ dbt.concat(["'push of '", 'sync_name']) }},
        'push_refused_stops',
        {{ no_time }}
    from {{ ref('stg_listrak__push_refused_stops') }}

), returned as (

    select sender_code_id, phone_number, max(event_at) as back_at, max(observed_at) as back_seen
    from of_sender_codes
    where event = 'opted_in'
    group by sender_code_id, phone_number

), free as (

    select sender_code_id, phone_number
    from {{ ref('stg_listrak__contacts') }}
    where opted_out = false

), judged as (

    select
        stops.*,
        returned.back_at,
        case
            when stops.told_in = 'contacts' then 1
            when returned.back_at is null then 1
            when stops.stopped_at >= returned.back_at then 1
            when free.phone_number is not null and (stops.stopped_at is null or stops.stopped_at < returned.back_at) then 0
            when stops.stopped_at is null or stops.seen_at > returned.back_seen then 1
            else 0
        end as is_standing
    from stops
    left join returned
        on returned.sender_code_id = stops.sender_code_id and returned.phone_number = stops.phone_number
    left join free
        on free.sender_code_id = stops.sender_code_id and free.phone_number = stops.phone_number

), placed as (

    select
        judged.*,
        max(is_standing) over (partition by sender_code_id, phone_number) as in_force,
        row_number() over (
            partition by sender_code_id, phone_number
            order by
                is_standing desc,
                case when stopped_at is null then 1 else 0 end,
                stopped_at desc,
                case when reason is null then 1 else 0 end,
                told_in,
                reason
        ) as place
    from judged

)

select
    sender_code_id,
    phone_number,
    stopped_at,
    {{ listrak.listrak_day('stopped_at') }} as stopped_on,
    reason,
    {{ listrak.listrak_reason_class('reason', 'told_in') }} as reason_class,
    told_in,
    in_force = 1 as is_in_force,
    case when in_force = 0 then back_at end as came_back_at
from placed
where place = 1
