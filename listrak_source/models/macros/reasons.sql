{% macro listrak_reason_class(reason, told_in="''") %}
  {#- Who has caused a stop, by Listrak's word for its reason: the person (who answers a campaign or a workflow), the
      carrier (a number that takes no message any more), an admin, or an import or the API; push is one who uses the API. -#}
  case
    when {{ reason }} in ('Campaign', 'Workflow') then 'person'
    when {{ reason }} in ('DeliveryFailure', 'Deactivated', 'PermanentError') then 'carrier'
    when {{ reason }} = 'Admin' then 'admin'
    when {{ reason }} in ('Import', 'API') or {{ told_in }} in ('push_changes', 'push_refused_stops') then 'import'
    else 'unknown'
  end
{%- endmacro %}
