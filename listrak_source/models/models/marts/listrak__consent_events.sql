{#- Events are added, and none is changed: so a load that is here as it is at the source is not read again. A load that is
    not here, or not all of it, is taken whole, whatever its id; and so is one in which numbers or dates were changed in
    place, because somebody was forgotten, or the dataset moved to another zone. One that has lost rows stays: the test
    of listrak__consent_audit tells of it. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='merge' if listrak.listrak_merges() else 'delete+insert',
    unique_key=(
        ['sender_code_id', 'phone_list_id', 'phone_number', 'event', 'event_at'] if listrak.listrak_merges()
        else 'load_id'
    ),
    post_hook="{{ listrak.listrak_analyze() }}",
) }}
{%- set of_load %}
        count(*) as events,
        sum({{ dbt.length('phone_number') }}) as digits,
        min(event_at) as earliest,
        max(event_at) as latest
{%- endset %}
{%- set undated = listrak.listrak_moment('1900-01-02 00:00:00') %}

with events as (

    select * from {{ ref('stg_listrak__consent_events') }}

{% if listrak.listrak_is_incremental() %}
), loads_there as (

    select load_id, {{ of_load }}
    from events
    group by load_id

), loads_here as (

    select load_id, {{ of_load }}
    from {{ this }}
    group by load_id

), loads as (

    select loads_there.load_id
    from loads_there
    left join loads_here on loads_here.load_id = loads_there.load_id
    where loads_here.load_id is null
        or loads_there.events > loads_here.events
        or (
            loads_there.events = loads_here.events
            and (
                loads_there.digits <> loads_here.digits
                or loads_there.earliest <> loads_here.earliest
                or loads_there.latest <> loads_here.latest
            )
        )
{% endif %}

), dated as (

    select
        events.*,
        case
            when events.event_at < {{ undated }} then 'none'
            when events.effective_at is not null then 'exact'
            when events.event_at < events.observed_at then 'window'
            else 'pull'
        end as event_precision
    from events
{%- if listrak.listrak_is_incremental() %}
    inner join loads on loads.load_id = events.load_id
{%- endif %}

)

select
    sender_code_id,
    phone_list_id,
    phone_number,
    event,
    event_at,
    case when phone_list_id = 0 then 'sender_code' else 'list' end as consent_level,
    event_precision,
    event_precision in ('exact', 'window') as is_dated,
    -- What is dated later than it was seen was there when it was seen.
    case
        when event_precision = 'none' then null
        when event_at > observed_at then {{ listrak.listrak_day('observed_at') }}
        else {{ listrak.listrak_day('event_at') }}
    end as event_on,
    effective_at,
    observed_at,
    {{ listrak.listrak_day('observed_at') }} as observed_on,
    case
        when event_precision = 'exact' and effective_at < observed_at
            then {{ listrak.listrak_hours_between('effective_at', 'observed_at') }}
        when event_precision = 'exact' then 0
    end as hours_until_known,
    reason,
    seen_in,
    load_id,
    {% if listrak.listrak_is_incremental() -%}
    (select coalesce(max(here.build_number), 0) + 1 from {{ this }} as here)
    {%- else -%}
    1
    {%- endif %} as build_number
from dated
