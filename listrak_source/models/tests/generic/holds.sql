{% test holds(model, expression) %}
{#- What is claimed is true of each row. -#}
select * from {{ model }} where not ({{ expression }})
{% endtest %}
