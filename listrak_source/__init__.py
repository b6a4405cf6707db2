"""Listrak SMS for dlt."""
