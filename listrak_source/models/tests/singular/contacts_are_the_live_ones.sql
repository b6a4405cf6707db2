select
    coalesce(here.sender_code_id, there.sender_code_id) as sender_code_id,
    coalesce(here.phone_number, there.phone_number) as phone_number
from (select * from {{ ref('stg_listrak__contacts') }} where removed_at is null) as there
full outer join {{ ref('listrak__contacts') }} as here
    on here.sender_code_id = there.sender_code_id and here.phone_number = there.phone_number
where here.phone_number is null or there.phone_number is null
