with ends as (

    select sender_code_id, phone_list_id, closing
    from (
        select
            growth.*,
            row_number() over (partition by sender_code_id, phone_list_id order by day desc) as place
        from {{ ref('listrak__growth_daily') }} as growth
    ) as days
    where place = 1

)

select health.sender_code_id, health.phone_list_id, health.reachable, ends.closing
from {{ ref('listrak__list_health') }} as health
left join ends on ends.sender_code_id = health.sender_code_id and ends.phone_list_id = health.phone_list_id
where health.reachable <> coalesce(ends.closing, 0)
