"""dbt in this process, with a profile made of dlt's settings."""
