select there.sender_code_id, there.opt_outs, here.opt_outs as counted
from (
    select sender_code_id, count(*) as opt_outs from {{ ref('stg_listrak__opt_outs') }} group by sender_code_id
) as there
left join (
    select sender_code_id, sum(opt_outs) as opt_outs from {{ ref('listrak__opt_out_reasons') }} group by sender_code_id
) as here
    on here.sender_code_id = there.sender_code_id
where here.opt_outs is null or here.opt_outs <> there.opt_outs
