{%- set days = var('listrak_health_days') %}

with people as (

    select
        sender_code_id,
        phone_list_id,
        sum(case when is_on_list then 1 else 0 end) as members,
        sum(case when is_on_list and is_opted_out then 1 else 0 end) as opted_out_members,
        sum(case when is_reachable then 1 else 0 end) as reachable,
        sum(case when consent = 'pending' then 1 else 0 end) as pending
    from {{ ref('listrak__consent_now') }}
    where phone_list_id <> 0
    group by sender_code_id, phone_list_id

), last_day as (

    select max(day) as day from {{ ref('listrak__growth_daily') }}

), growth as (

    select
        growth.sender_code_id,
        growth.phone_list_id,
        sum(growth.joined) as joined,
        sum(growth.came_back) as came_back,
        sum(growth.left_list) as left_list,
        sum(growth.stopped) as stopped,
        sum(growth.net) as net
    from {{ ref('listrak__growth_daily') }} as growth
    cross join last_day
    where growth.day > {{ listrak.listrak_add_days('-' ~ days, 'last_day.day') }}
    group by growth.sender_code_id, growth.phone_list_id

), places as (

    select distinct sender_code_id, phone_list_id
    from (
        select sender_code_id, phone_list_id from {{ ref('stg_listrak__lists') }}
        union all
        select sender_code_id, phone_list_id from people
    ) as known

), counted as (

    select
        places.sender_code_id,
        places.phone_list_id
        {%- for column in ['members', 'opted_out_members', 'reachable', 'pending'] %},
        coalesce(people.{{ column }}, 0) as {{ column }}
        {%- endfor %}
        {%- for column in ['joined', 'came_back', 'left_list', 'stopped', 'net'] %},
        coalesce(growth.{{ column }}, 0) as {{ column }}
        {%- endfor %},
        coalesce(people.reachable, 0) - coalesce(growth.net, 0) as opening
    from places
    left join people
        on people.sender_code_id = places.sender_code_id and people.phone_list_id = places.phone_list_id
    left join growth
        on growth.sender_code_id = places.sender_code_id and growth.phone_list_id = places.phone_list_id

)

select
    counted.sender_code_id,
    counted.phone_list_id,
    lists.phone_list_name,
    lists.status,
    lists.removed_at is not null as is_removed,
    counted.members,
    counted.opted_out_members,
    counted.reachable,
    counted.pending,
    {{ days }} as period_days,
    counted.opening,
    counted.joined,
    counted.came_back,
    counted.left_list,
    counted.stopped,
    counted.net,
    {% for name, part in [('delta_percent', 'counted.net'), ('churn_percent', '(counted.left_list + counted.stopped)')] %}
    case when counted.opening > 0 then round(cast({{ part }} * 100 as {{ dbt.type_numeric() }}) / counted.opening, 2) end as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from counted
left join {{ ref('stg_listrak__lists') }} as lists
    on lists.sender_code_id = counted.sender_code_id and lists.phone_list_id = counted.phone_list_id
