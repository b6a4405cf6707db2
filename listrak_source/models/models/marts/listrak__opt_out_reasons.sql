{#- A stop without a date is of the month 1900-01. -#}
{%- set undated = listrak.listrak_moment('1900-01-02 00:00:00') %}

with stops as (

    select
        sender_code_id,
        case when opt_out_date >= {{ undated }} then {{ listrak.listrak_month(listrak.listrak_day('opt_out_date')) }}
            else cast('1900-01-01' as date) end as month,
        coalesce(opt_out_reason, 'unknown') as reason
    from {{ ref('stg_listrak__opt_outs') }}

), counted as (

    select sender_code_id, month, reason, count(*) as opt_outs
    from stops
    group by sender_code_id, month, reason

)

select
    sender_code_id,
    month,
    month > cast('1900-01-01' as date) as is_dated,
    reason,
    {{ listrak.listrak_reason_class('reason') }} as reason_class,
    opt_outs,
    round(
        cast(opt_outs * 100 as {{ dbt.type_numeric() }}) / sum(opt_outs) over (partition by sender_code_id, month), 2
    ) as share_percent
from counted
