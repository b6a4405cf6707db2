select *
from (
    select
        growth.*,
        lag(closing) over (partition by sender_code_id, phone_list_id order by day) as closing_before,
        row_number() over (partition by sender_code_id, phone_list_id order by day) as place
    from {{ ref('listrak__growth_daily') }} as growth
) as days
where opening <> coalesce(closing_before, 0) + undated
