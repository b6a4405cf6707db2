{#- A change without a date of Listrak's is no growth: it goes into the opening balance of the day that a pull saw it. -#}
{%- set most = 9999 %}

with last_day as (

    select max(observed_on) as day
    from {{ ref('listrak__consent_events') }}

), changes as (

    select
        timeline.sender_code_id,
        timeline.phone_list_id,
        case when timeline.event_on < {{ listrak.listrak_add_days(-most, 'last_day.day') }}
            then {{ listrak.listrak_add_days(-most, 'last_day.day') }}
            else coalesce(timeline.event_on, timeline.observed_on) end as day,
        case
            when timeline.is_dated and timeline.event_on >= {{ listrak.listrak_add_days(-most, 'last_day.day') }}
                then timeline.change
            when timeline.change in ('joined', 'came_back') then 'found'
            else 'lost'
        end as change
    from {{ ref('int_listrak__consent_timeline') }} as timeline
    cross join last_day
    where timeline.change is not null

), by_day as (

    select
        sender_code_id,
        phone_list_id,
        day
        {%- for change in ['joined', 'came_back', 'left', 'stopped', 'found', 'lost'] %},
        sum(case when change = '{{ change }}' then 1 else 0 end) as {{ change }}_people
        {%- endfor %}
    from changes
    group by sender_code_id, phone_list_id, day

), first_days as (

    select sender_code_id, phone_list_id, min(day) as day
    from by_day
    group by sender_code_id, phone_list_id

), first_pulls as (

    select sender_code_id, min(observed_on) as day
    from {{ ref('listrak__consent_events') }}
    group by sender_code_id

), days as (

    select {{ listrak.listrak_add_days('-numbers.number', 'last_day.day') }} as day
    from {{ listrak.listrak_numbers() }} as numbers
    cross join last_day
    where last_day.day is not null

), filled as (

    select
        first_days.sender_code_id,
        first_days.phone_list_id,
        days.day,
        coalesce(by_day.joined_people, 0) as joined,
        coalesce(by_day.came_back_people, 0) as came_back,
        coalesce(by_day.left_people, 0) as left_list,
        coalesce(by_day.stopped_people, 0) as stopped,
        coalesce(by_day.found_people, 0) - coalesce(by_day.lost_people, 0) as undated
    from first_days
    inner join days on days.day >= first_days.day
    left join by_day
        on by_day.sender_code_id = first_days.sender_code_id
        and by_day.phone_list_id = first_days.phone_list_id
        and by_day.day = days.day

), summed as (

    select
        filled.*,
        joined + came_back - left_list - stopped as net,
        sum(joined + came_back - left_list - stopped + undated) over (
            partition by sender_code_id, phone_list_id order by day
            rows between unbounded preceding and current row
        ) as closing
    from filled

)

select
    summed.sender_code_id,
    summed.phone_list_id,
    lists.phone_list_name,
    summed.day,
    summed.day >= first_pulls.day as is_observed,
    summed.undated,
    cast(summed.closing - summed.net as {{ dbt.type_bigint() }}) as opening,
    summed.joined,
    summed.came_back,
    summed.left_list,
    summed.stopped,
    summed.net,
    cast(summed.closing as {{ dbt.type_bigint() }}) as closing
from summed
left join first_pulls on first_pulls.sender_code_id = summed.sender_code_id
left join {{ ref('stg_listrak__lists') }} as lists
    on lists.sender_code_id = summed.sender_code_id and lists.phone_list_id = summed.phone_list_id
