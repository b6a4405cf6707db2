{#- Counts that a run tells as JSON are added up, by the names of the tables. -#}
{%- set tables = [
    'sender_codes', 'lists', 'profile_fields', 'transactional_messages', 'contacts', 'contact_profile_values',
    'list_memberships', 'opt_outs', 'subscriptions', 'consent_events', 'rejected_rows', 'walks',
] %}

with runs as (

    select *
    from {{ ref('stg_listrak__pull_runs') }}

), latest as (

    select max(ended_at) as whole_at
    from runs
    where outcome = 'done'

)

select
    runs.run_id,
    runs.command,
    runs.began_at,
    runs.ended_at,
    {{ listrak.listrak_day('runs.began_at') }} as began_on,
    {{ listrak.listrak_seconds_between('runs.began_at', 'runs.ended_at') }} as seconds_taken,
    runs.outcome,
    runs.exit_code,
    runs.times,
    runs.complete_walk as is_complete_walk,
    runs.loads,
    {% for name, column in [('rows_loaded', 'rows_loaded'), ('rows_removed', 'rows_removed'), ('records_rejected', 'set_aside')] %}
    case when runs.{{ column }} is not null then
        {% for table in tables %}{{ listrak.listrak_json_integer('runs.' ~ column, table) }}{{ ' + ' if not loop.last }}{% endfor %}
    end as {{ name }},
    {% endfor %}
    runs.requests,
    runs.retries,
    runs.refusals,
    runs.message,
    {{ listrak.listrak_hours_between('runs.ended_at', listrak.listrak_now()) }} as hours_ago,
    runs.outcome = 'done' and runs.ended_at = latest.whole_at as is_latest_whole_run
from runs
cross join latest
