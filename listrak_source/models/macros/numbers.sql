{% macro listrak_numbers() %}
  {#- The numbers from 0 to 9,999, as a subquery with the column `number`: databases have no common way. -#}
  (
    with digits as (
      {% for digit in range(10) %}select {{ digit }} as digit{{ ' union all ' if not loop.last }}{% endfor %}
    )
    select ones.digit
    {%- for place in ['tens', 'hundreds', 'thousands'] %} + {{ place }}.digit * {{ 10 ** loop.index }}{% endfor %} as number
    from digits as ones
    {%- for place in ['tens', 'hundreds', 'thousands'] %} cross join digits as {{ place }}{% endfor %}
  )
{%- endmacro %}
