{% macro listrak_fields() %}
  {#- The profile fields, each with the column that listrak__contacts has of it: its name in small letters, digits and _.
      A field of the same name at several sender codes has one column. Two fields of a sender code that would share one
      have their number behind it. -#}
  {%- if not execute or var('listrak_offline', false) -%}{{ return([]) }}{%- endif -%}
  {%- if not load_relation(ref('stg_listrak__profile_fields')) -%}{{ return([]) }}{%- endif -%}
  {%- set query -%}
    select sender_code_id, segmentation_field_id, segmentation_field_name, data_type
    from {{ ref('stg_listrak__profile_fields') }}
    where removed_at is null
    order by segmentation_field_id, sender_code_id
  {%- endset -%}
  {%- set rows = run_query(query).rows -%}
  {%- set slugs = [] -%}
  {%- for row in rows -%}
    {%- set name = modules.re.sub('[^a-z0-9]+', '_', (row[2] or '') | lower).strip('_') -%}
    {%- do slugs.append(name or row[1] | string) -%}
  {%- endfor -%}
  {%- set found = {} -%}
  {%- for row in rows -%}
    {%- set slug = slugs[loop.index0] -%}
    {%- set twins = [] -%}
    {%- for other in rows -%}
      {%- if slugs[loop.index0] == slug and other[0] == row[0] and other[1] != row[1] %}{% do twins.append(other[1]) %}{% endif -%}
    {%- endfor -%}
    {%- set column = 'field_' ~ slug ~ ('_' ~ row[1] if twins else '') -%}
    {%- if column not in found -%}
      {%- do found.update({column: {'column': column, 'kinds': [], 'places': []}}) -%}
    {%- endif -%}
    {%- do found[column].places.append((row[0], row[1])) -%}
    {%- if row[3] not in found[column].kinds %}{% do found[column].kinds.append(row[3]) %}{% endif -%}
  {%- endfor -%}
  {{ return(found.values() | list) }}
{% endmacro %}

{% macro listrak_field_text(field) %}
  {#- The value of a field, as the text that Listrak tells; null where there is none. -#}
  max(case when {% for sender, id in field.places -%}
    (profile.sender_code_id = {{ sender }} and profile.segmentation_field_id = {{ id }}){{ ' or ' if not loop.last }}
  {%- endfor %} then profile.value end)
{%- endmacro %}

{% macro listrak_field_value(field, text) %}
  {#- The same as the field's type says; as text where sender codes say different ones. -#}
  {%- set kind = field.kinds[0] if field.kinds | length == 1 else 'Text' -%}
  {%- if kind == 'Number' -%}{{ listrak.listrak_number(text) }}
  {%- elif kind == 'Date' -%}{{ listrak.listrak_date(text) }}
  {%- elif kind == 'Checkbox' -%}{{ listrak.listrak_checkbox(text) }}
  {%- else -%}{{ text }}
  {%- endif -%}
{% endmacro %}
