"""Listrak SMS for dlt: a source, and a client for everything else."""

from listrak_source.api import ListrakClient, ListrakError
from listrak_source.pull.source import listrak_sms

__all__ = ["ListrakClient", "ListrakError", "listrak_sms"]
