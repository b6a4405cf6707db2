{#- What databases say in different words, and dbt has no macro for. -#}

{% macro listrak_type(kind) %}
  {%- if kind == 'text' -%}{{ dbt.type_string() }}
  {%- elif kind == 'bigint' -%}{{ dbt.type_bigint() }}
  {%- elif kind == 'bool' -%}{{ dbt.type_boolean() }}
  {%- elif kind == 'double' -%}{{ dbt.type_float() }}
  {%- elif kind == 'date' -%}date
  {%- else -%}{{ listrak.listrak_type_timestamp() }}
  {%- endif -%}
{% endmacro %}

{% macro listrak_type_timestamp() %}{{ return(adapter.dispatch('listrak_type_timestamp', 'listrak')()) }}{% endmacro %}
{% macro default__listrak_type_timestamp() %}timestamp with time zone{% endmacro %}
{% macro snowflake__listrak_type_timestamp() %}timestamp_tz{% endmacro %}
{% macro bigquery__listrak_type_timestamp() %}timestamp{% endmacro %}
{% macro spark__listrak_type_timestamp() %}timestamp{% endmacro %}
{% macro clickhouse__listrak_type_timestamp() %}Nullable(DateTime64(6, 'UTC')){% endmacro %}

{% macro listrak_moment(text) %}
  {#- A moment that is written in the model, in UTC: 1900-01-02 00:00:00. -#}
  {{ return(adapter.dispatch('listrak_moment', 'listrak')(text)) }}
{% endmacro %}
{% macro default__listrak_moment(text) %}cast('{{ text }}+00:00' as {{ listrak.listrak_type_timestamp() }}){% endmacro %}
{% macro clickhouse__listrak_moment(text) %}toDateTime64('{{ text }}', 6, 'UTC'){% endmacro %}

{% macro listrak_from_epoch(seconds) %}
  {#- A moment, of seconds since 1970. -#}
  {{ return(adapter.dispatch('listrak_from_epoch', 'listrak')(seconds)) }}
{% endmacro %}
{% macro default__listrak_from_epoch(seconds) %}to_timestamp({{ seconds }}){% endmacro %}
{% macro redshift__listrak_from_epoch(seconds) %}(timestamptz 'epoch' + {{ seconds }} * interval '1 second'){% endmacro %}
{% macro snowflake__listrak_from_epoch(seconds) %}cast(to_timestamp_ntz(cast({{ seconds }} * 1000000 as integer), 6) as timestamp_tz){% endmacro %}
{% macro bigquery__listrak_from_epoch(seconds) %}timestamp_micros(cast({{ seconds }} * 1000000 as int64)){% endmacro %}
{% macro spark__listrak_from_epoch(seconds) %}timestamp_micros(cast({{ seconds }} * 1000000 as bigint)){% endmacro %}
{% macro clickhouse__listrak_from_epoch(seconds) %}fromUnixTimestamp64Micro(toInt64({{ seconds }} * 1000000), 'UTC'){% endmacro %}

{% macro listrak_day(moment) %}
  {#- The day of a moment, in the zone of the variable listrak_timezone, whatever zone the session is in. -#}
  {{ return(adapter.dispatch('listrak_day', 'listrak')(moment)) }}
{% endmacro %}
{% macro default__listrak_day(moment) %}cast({{ moment }} at time zone '{{ var("listrak_timezone") }}' as date){% endmacro %}
{% macro snowflake__listrak_day(moment) %}cast(convert_timezone('{{ var("listrak_timezone") }}', {{ moment }}) as date){% endmacro %}
{% macro bigquery__listrak_day(moment) %}date({{ moment }}, '{{ var("listrak_timezone") }}'){% endmacro %}
{% macro spark__listrak_day(moment) %}cast(from_utc_timestamp(to_utc_timestamp({{ moment }}, current_timezone()), '{{ var("listrak_timezone") }}') as date){% endmacro %}
{% macro clickhouse__listrak_day(moment) %}toDate({{ moment }}, '{{ var("listrak_timezone") }}'){% endmacro %}

{% macro listrak_hours_between(first, last) %}
  {#- Hours, with two decimals. -#}
  round(cast({{ listrak.listrak_seconds_between(first, last) }} as {{ dbt.type_numeric() }}) / 3600, 2)
{%- endmacro %}
{% macro listrak_seconds_between(first, last) %}{{ return(adapter.dispatch('listrak_seconds_between', 'listrak')(first, last)) }}{% endmacro %}
{% macro default__listrak_seconds_between(first, last) %}{{ dbt.datediff(first, last, 'second') }}{% endmacro %}
{% macro duckdb__listrak_seconds_between(first, last) %}date_diff('second', {{ first }}, {{ last }}){% endmacro %}
{% macro spark__listrak_seconds_between(first, last) %}(unix_timestamp({{ last }}) - unix_timestamp({{ first }})){% endmacro %}
{% macro clickhouse__listrak_seconds_between(first, last) %}dateDiff('second', {{ first }}, {{ last }}){% endmacro %}
{% macro postgres__listrak_seconds_between(first, last) %}(floor(extract(epoch from {{ last }})) - floor(extract(epoch from {{ first }}))){% endmacro %}

{% macro listrak_months_between(first, last) %}
  {#- Months from the month of the one date to that of the other. dbt.datediff asks some databases for it. -#}
  cast((extract(year from {{ last }}) - extract(year from {{ first }})) * 12
    + extract(month from {{ last }}) - extract(month from {{ first }}) as {{ dbt.type_bigint() }})
{%- endmacro %}

{% macro listrak_add_days(days, date) %}{{ return(adapter.dispatch('listrak_add_days', 'listrak')(days, date)) }}{% endmacro %}
{% macro default__listrak_add_days(days, date) %}cast({{ dbt.dateadd('day', days, date) }} as date){% endmacro %}
{% macro spark__listrak_add_days(days, date) %}date_add({{ date }}, cast({{ days }} as int)){% endmacro %}
{% macro listrak_month(date) %}cast({{ dbt.date_trunc('month', date) }} as date){% endmacro %}

{% macro listrak_number(text) %}
  {#- A profile value as a number; null where it is none. -#}
  {{ return(adapter.dispatch('listrak_number', 'listrak')(text)) }}
{% endmacro %}
{% macro default__listrak_number(text) %}case when {{ text }} ~ '^ *[-+]?[0-9]{1,20}([.][0-9]+)? *$' then cast({{ text }} as numeric(38, 9)) end{% endmacro %}
{% macro duckdb__listrak_number(text) %}try_cast({{ text }} as decimal(38, 9)){% endmacro %}
{% macro snowflake__listrak_number(text) %}try_to_decimal({{ text }}, 38, 9){% endmacro %}
{% macro bigquery__listrak_number(text) %}safe_cast({{ text }} as numeric){% endmacro %}
{% macro spark__listrak_number(text) %}try_cast({{ text }} as decimal(38, 9)){% endmacro %}
{% macro clickhouse__listrak_number(text) %}toDecimal128OrNull({{ text }}, 9){% endmacro %}

{% macro listrak_date(text) %}
  {#- A profile value as a date: month/day/year, as Listrak writes it. Null where it is none. -#}
  {{ return(adapter.dispatch('listrak_date', 'listrak')(text)) }}
{% endmacro %}
{% macro default__listrak_date(text) %}{{ listrak.duckdb__listrak_date(text) }}{% endmacro %}
{% macro duckdb__listrak_date(text) %}cast(try_strptime({{ text }}, '%m/%d/%Y') as date){% endmacro %}
{#- PostgreSQL has no cast that fails softly: the day is added to the first of its month, and must stay in it. -#}
{% macro postgres__listrak_date(text) %}
  {%- set month = "cast(split_part(" ~ text ~ ", '/', 1) as integer)" -%}
  {%- set first = "cast(split_part(" ~ text ~ ", '/', 3) || '-' || split_part(" ~ text ~ ", '/', 1) || '-01' as date)" -%}
  {%- set day = first ~ " + (cast(split_part(" ~ text ~ ", '/', 2) as integer) - 1)" -%}
  case when {{ text }} ~ '^(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])/[12][0-9][0-9][0-9]$'
    then case when extract(month from {{ day }}) = {{ month }} then {{ day }} end
  end
{%- endmacro %}
{% macro redshift__listrak_date(text) %}{{ listrak.postgres__listrak_date(text) }}{% endmacro %}
{% macro snowflake__listrak_date(text) %}try_to_date({{ text }}, 'MM/DD/YYYY'){% endmacro %}
{% macro bigquery__listrak_date(text) %}safe.parse_date('%m/%d/%Y', {{ text }}){% endmacro %}
{% macro spark__listrak_date(text) %}cast(try_to_timestamp({{ text }}, 'M/d/yyyy') as date){% endmacro %}
{% macro clickhouse__listrak_date(text) %}toDate(parseDateTimeOrNull({{ text }}, '%m/%d/%Y')){% endmacro %}

{% macro listrak_checkbox(text) %}
  {#- A profile value as yes or no; null where it is neither. -#}
  case when lower({{ text }}) in ('1', 'on', 'true', 'yes') then true when lower({{ text }}) in ('0', 'off', 'false', 'no') then false end
{%- endmacro %}

{% macro listrak_json_integer(json, name) %}
  {#- A number of an object of JSON, which is kept as text; 0 where it has none of that name. -#}
  coalesce({{ adapter.dispatch('listrak_json_integer', 'listrak')(json, name) }}, 0)
{%- endmacro %}
{% macro default__listrak_json_integer(json, name) %}cast(cast({{ json }} as json) ->> '{{ name }}' as bigint){% endmacro %}
{% macro duckdb__listrak_json_integer(json, name) %}try_cast(json_extract_string(try_cast({{ json }} as json), '$.{{ name }}') as bigint){% endmacro %}
{% macro redshift__listrak_json_integer(json, name) %}cast(nullif(json_extract_path_text({{ json }}, '{{ name }}', true), '') as bigint){% endmacro %}
{% macro snowflake__listrak_json_integer(json, name) %}cast(get(parse_json({{ json }}), '{{ name }}') as bigint){% endmacro %}
{% macro bigquery__listrak_json_integer(json, name) %}cast(json_value({{ json }}, '$.{{ name }}') as int64){% endmacro %}
{% macro spark__listrak_json_integer(json, name) %}cast(get_json_object({{ json }}, '$.{{ name }}') as bigint){% endmacro %}
{% macro clickhouse__listrak_json_integer(json, name) %}JSONExtractInt({{ json }}, '{{ name }}'){% endmacro %}

{% macro listrak_now() %}{{ return(adapter.dispatch('listrak_now', 'listrak')()) }}{% endmacro %}
{% macro default__listrak_now() %}current_timestamp{% endmacro %}
{% macro bigquery__listrak_now() %}current_timestamp(){% endmacro %}
{% macro spark__listrak_now() %}current_timestamp(){% endmacro %}
{% macro clickhouse__listrak_now() %}now64(6, 'UTC'){% endmacro %}
