{#- listrak__consent_events keeps what the run before has seen: a load that has fewer events now has lost some. -#}
select here.load_id, here.events, coalesce(there.events, 0) as events_left
from (
    select load_id, count(*) as events from {{ ref('listrak__consent_audit') }} group by load_id
) as here
left join (
    select load_id, count(*) as events from {{ ref('stg_listrak__consent_events') }} group by load_id
) as there
    on there.load_id = here.load_id
where there.load_id is null or there.events <> here.events
