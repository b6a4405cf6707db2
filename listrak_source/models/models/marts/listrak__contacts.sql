{#- Whose profile, values or consent has changed is built anew; everybody, where a field has come that no column is of. -#}
-- depends_on: {{ ref('stg_listrak__profile_fields') }}
{{ config(
    materialized='incremental',
    incremental_strategy='merge' if listrak.listrak_merges() else 'delete+insert',
    unique_key=['sender_code_id', 'phone_number'],
    on_schema_change='sync_all_columns',
    post_hook=[
        "{{ listrak.listrak_drop_gone(ref('stg_listrak__contacts'), ['sender_code_id', 'phone_number'], 'removed_at is null') }}",
        "{{ listrak.listrak_analyze() }}",
    ],
) }}
{%- set fields = listrak.listrak_fields() %}
{%- set some = listrak.listrak_is_incremental() %}
{%- if some %}
  {%- set here = adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') | list %}
  {%- set some = fields | map(attribute='column') | reject('in', here) | list | length == 0 %}
{%- endif %}

{#- Read where they are used: a CTE that is used twice is a table of its own in PostgreSQL. -#}
{%- set contacts = '(select * from ' ~ ref('stg_listrak__contacts') ~ ' where removed_at is null)' %}
{%- set profile = '(select * from ' ~ ref('stg_listrak__contact_profile_values') ~ ' where removed_at is null)' %}
{%- set consent = '(select * from ' ~ ref('int_listrak__consent_timeline') ~ ' where is_latest)' %}

with {% if some -%}
changed as (

    select distinct sender_code_id, phone_number
    from (
        select sender_code_id, phone_number
        from {{ contacts }} as contacts
        where {{ listrak.listrak_of_new_loads(contacts, listrak.listrak_known_loads('load_id')) }}
        union all
        select sender_code_id, phone_number
        from {{ profile }} as profile
        where {{ listrak.listrak_of_new_loads(profile, listrak.listrak_known_loads('values_load_id', 'sum(values_filled)')) }}
        union all
        select sender_code_id, phone_number
        from {{ consent }} as consent
        where build_number > (select coalesce(max(here.build_number), 0) from {{ this }} as here)
    ) as told

), {% endif -%}
people as (

    select contacts.*
    from {{ contacts }} as contacts
    {%- if some %}
    inner join changed
        on changed.sender_code_id = contacts.sender_code_id and changed.phone_number = contacts.phone_number
    {%- endif %}

), pivoted as (

    select
        profile.sender_code_id,
        profile.phone_number,
        max(profile.load_id) as values_load_id,
        count(*) as values_filled
        {%- for field in fields %},
        {{ listrak.listrak_field_text(field) }} as {{ field.column }}
        {%- endfor %}
    from {{ profile }} as profile
    {%- if some %}
    inner join changed
        on changed.sender_code_id = profile.sender_code_id and changed.phone_number = profile.phone_number
    {%- endif %}
    group by profile.sender_code_id, profile.phone_number

), stands as (

    select
        consent.sender_code_id,
        consent.phone_number,
        sum(case when consent.is_on_list then 1 else 0 end) as lists_on,
        sum(case when consent.is_reachable then 1 else 0 end) as lists_reached,
        max(consent.build_number) as build_number
    from {{ consent }} as consent
    {%- if some %}
    inner join changed
        on changed.sender_code_id = consent.sender_code_id and changed.phone_number = consent.phone_number
    {%- endif %}
    group by consent.sender_code_id, consent.phone_number

)

select
    people.sender_code_id,
    people.phone_number,
    people.email_address,
    people.first_name,
    people.last_name,
    people.birthday,
    people.postal_code,
    people.opted_out as is_opted_out,
    people.subscribe_date as subscribed_at,
    people.unsubscribe_date as unsubscribed_at,
    coalesce(stands.lists_on, 0) as lists_on,
    coalesce(stands.lists_reached, 0) as lists_reached,
    coalesce(stands.lists_reached, 0) > 0 and coalesce(people.opted_out, true) = false as is_reachable,
    coalesce(pivoted.values_filled, 0) as values_filled,
    {%- for field in fields %}
    {{ listrak.listrak_field_value(field, 'pivoted.' ~ field.column) }} as {{ field.column }},
    {%- endfor %}
    people.load_id,
    pivoted.values_load_id,
    coalesce(stands.build_number, 0) as build_number
from people
left join pivoted
    on pivoted.sender_code_id = people.sender_code_id and pivoted.phone_number = people.phone_number
left join stands
    on stands.sender_code_id = people.sender_code_id and stands.phone_number = people.phone_number
