{{ config(fail_calc='coalesce(cast(floor(max(hours_ago)) as ' ~ dbt.type_bigint() ~ '), 0)', warn_if='> 72', error_if='> 96') }}

select hours_ago from {{ ref('listrak__pull_health') }} where is_latest_whole_run
