{% macro listrak_numbers(places=4) %}
  {#- The numbers from 0 to 9,999 (or of fewer places), as a subquery with the column `number`: databases have no common
      way. -#}
  {%- set names = ['ones', 'tens', 'hundreds', 'thousands'][:places] -%}
  (
    with digits as (
      {% for digit in range(10) %}select {{ digit }} as digit{{ ' union all ' if not loop.last }}{% endfor %}
    )
    select {% for name in names %}{{ ' + ' if not loop.first }}{{ name }}.digit * {{ 10 ** loop.index0 }}{% endfor %} as number
    from digits as {{ names | join(' cross join digits as ') }}
  )
{%- endmacro %}
