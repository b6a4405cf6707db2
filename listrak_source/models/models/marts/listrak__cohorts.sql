{#- Who became reachable for the first time on a day that Listrak tells. Whoever a pull has found without a date is in no
    cohort. A person on several lists of a sender code counts once, and stays while one of them reaches them. -#}

with candidates as (

    select distinct sender_code_id, phone_number
    from {{ ref('int_listrak__consent_timeline') }}
    where change = 'joined' and is_dated

), steps as (

    select
        changes.sender_code_id,
        changes.phone_number,
        changes.event_at,
        coalesce(changes.event_on, changes.observed_on) as event_on,
        max(case when changes.is_dated then 1 else 0 end) as is_dated,
        max(case when changes.change = 'joined' then 1 else 0 end) as has_joined,
        sum(case when changes.change in ('joined', 'came_back') then 1 else -1 end) as step
    from {{ ref('int_listrak__consent_timeline') }} as changes
    inner join candidates
        on candidates.sender_code_id = changes.sender_code_id and candidates.phone_number = changes.phone_number
    where changes.change is not null
    group by
        changes.sender_code_id, changes.phone_number, changes.event_at, coalesce(changes.event_on, changes.observed_on)

), counted as (

    select
        steps.*,
        sum(step) over (
            partition by sender_code_id, phone_number order by event_at
            rows between unbounded preceding and current row
        ) as lists_after,
        row_number() over (partition by sender_code_id, phone_number order by event_at) as place
    from steps

), members as (

    select sender_code_id, phone_number, {{ listrak.listrak_month('event_on') }} as join_month
    from counted
    where place = 1 and is_dated = 1 and has_joined = 1 and lists_after > 0

), moves as (

    select
        members.sender_code_id,
        members.join_month,
        {{ listrak.listrak_months_between('members.join_month', 'counted.event_on') }} as months_since,
        case when counted.lists_after > 0 then 1 else 0 end
            - case when counted.lists_after - counted.step > 0 then 1 else 0 end as move
    from counted
    inner join members
        on members.sender_code_id = counted.sender_code_id and members.phone_number = counted.phone_number

), by_month as (

    select sender_code_id, join_month, months_since, sum(move) as moved
    from moves
    group by sender_code_id, join_month, months_since

), last_month as (

    select
        min(observed_on) as first_pull,
        max(observed_on) as day
    from {{ ref('listrak__consent_events') }}

), cohorts as (

    -- last_month stands here and below: PostgreSQL works out anew, for each row, a CTE that is used once.
    select
        members.sender_code_id,
        members.join_month,
        members.join_month > last_month.first_pull as is_observed,
        count(*) as people
    from members
    cross join last_month
    group by members.sender_code_id, members.join_month, members.join_month > last_month.first_pull

), filled as (

    select
        cohorts.sender_code_id,
        cohorts.join_month,
        cohorts.is_observed,
        cohorts.people,
        numbers.number as months_since
    from cohorts
    cross join last_month
    inner join {{ listrak.listrak_numbers(places=3) }} as numbers
        on numbers.number <= {{ listrak.listrak_months_between('cohorts.join_month', 'last_month.day') }}

), summed as (

    select
        filled.*,
        sum(coalesce(by_month.moved, 0)) over (
            partition by filled.sender_code_id, filled.join_month order by filled.months_since
            rows between unbounded preceding and current row
        ) as consenting
    from filled
    left join by_month
        on by_month.sender_code_id = filled.sender_code_id
        and by_month.join_month = filled.join_month
        and by_month.months_since = filled.months_since

)

select
    sender_code_id,
    join_month,
    months_since,
    is_observed,
    people,
    cast(consenting as {{ dbt.type_bigint() }}) as consenting,
    round(cast(consenting * 100 as {{ dbt.type_numeric() }}) / people, 2) as consenting_percent
from summed
