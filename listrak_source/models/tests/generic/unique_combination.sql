{% test unique_combination(model, columns) %}
{#- No two rows have the same values in all of these columns. -#}
select {{ columns | join(', ') }}, count(*) as rows_alike
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
