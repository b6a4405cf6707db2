{#- What a pull has loaded, whatever of it is there. -#}

{% macro listrak_columns(table) %}
  {#- The columns of a source's table, in small letters; none where nobody looks. -#}
  {%- if not execute or var('listrak_offline', false) -%}{{ return(none) }}{%- endif -%}
  {%- set named = source('listrak', table) -%}
  {%- set found = adapter.get_relation(database=named.database, schema=named.schema, identifier=named.identifier) -%}
  {%- if not found -%}{{ return([]) }}{%- endif -%}
  {{ return(adapter.get_columns_in_relation(found) | map(attribute='name') | map('lower') | list) }}
{% endmacro %}

{% macro listrak_read(table, columns) %}
  {#- Select columns of a source's table. A column that is not there is null, and a table that is not there is empty. -#}
  {%- set there = listrak.listrak_columns(table) -%}
  select
  {%- for name, kind in columns.items() %}
    {% if there is none or name in there -%}
      {{ name }}
    {%- else -%}
      cast(null as {{ listrak.listrak_type(kind) }})
    {%- endif %} as {{ 'load_id' if name == '_dlt_load_id' else name }}{{ ',' if not loop.last }}
  {%- endfor %}
  {%- if there is none or there %}
  from {{ source('listrak', table) }}
  {%- else %}
  from (select 1 as nothing) as nothing
  where 1 = 0
  {%- endif %}
{% endmacro %}

{% macro listrak_is_incremental() %}
  {#- Whether only what is new is to be built. -#}
  {{ return(not var('listrak_offline', false) and is_incremental()) }}
{% endmacro %}

{% macro listrak_merges() %}
  {#- Whether the database takes rows in by MERGE alone, for which a key must be unique. -#}
  {{ return(target.type in ['bigquery', 'databricks', 'spark']) }}
{% endmacro %}

{% macro listrak_known_loads(kept, rows='count(*)') %}
  {#- The loads that this model has made rows of, by its column `kept`: each with how many, as `rows` counts them. They
      are asked for once, and written into the conditions: a database that works them out row by row reads its own model
      eight times. -#}
  {%- if not execute -%}{{ return([]) }}{%- endif -%}
  {%- set query -%}
    select {{ kept }}, {{ rows }} as made from {{ this }} where {{ kept }} is not null group by {{ kept }} order by {{ kept }}
  {%- endset -%}
  {{ return(run_query(query).rows | map('list') | list) }}
{% endmacro %}

{% macro listrak_of_new_loads(of, known) %}
  {#- A condition: a row of `of` is of a load that is not `known`, as listrak_known_loads tells them, whatever its number; or of
      the latest known one, where that was not all there: it has more rows now than this model has made of it. -#}
  {%- if not known -%}1 = 1{%- else -%}
  (
    load_id not in ({% for load, _ in known %}'{{ load }}'{{ ', ' if not loop.last }}{% endfor %})
    or (
      load_id = '{{ known[-1][0] }}'
      and (select count(*) from {{ of }} as there where there.load_id = '{{ known[-1][0] }}') > {{ known[-1][1] | int }}
    )
  )
  {%- endif -%}
{%- endmacro %}

{% macro listrak_drop_gone(of, keys, condition='1 = 1', own='1 = 1') %}
  {#- After an incremental run: take out who is not in `of` any more, by the columns `keys`. Somebody who was forgotten
      stands there by a hash. Rows are compared only where their number, or that of all digits, differs: those of this model
      where `own` holds, and those of `of` where `condition` does. -#}
  {%- if execute and listrak.listrak_is_incremental() -%}
    {%- set counted = [] -%}
    {%- for relation, where in [(this, own), (of, condition)] -%}
      {%- set query -%}
        select count(*) as people, coalesce(sum({{ dbt.length('phone_number') }}), 0) as digits
        from {{ relation }} where {{ where }}
      {%- endset -%}
      {%- do counted.append(run_query(query).rows[0].values() | map('int') | list) -%}
    {%- endfor -%}
    {%- if counted[0] != counted[1] -%}
      delete from {{ this }} where not exists (
        select 1 from {{ of }} as still_there where {{ condition }}
        {%- for key in keys %} and still_there.{{ key }} = {{ this.identifier }}.{{ key }}{% endfor %}
      )
    {%- endif -%}
  {%- endif -%}
{% endmacro %}

{% macro listrak_analyze() %}
  {#- After a large table is made: PostgreSQL plans by what it knows of it, which is nothing yet, and would take hours. What
      comes later is little beside it, and its own autovacuum's work. -#}
  {%- if target.type == 'postgres' and not listrak.listrak_is_incremental() -%}analyze {{ this }}{%- endif -%}
{% endmacro %}
