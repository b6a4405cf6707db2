"""Listrak SMS into a warehouse by Dagster: an asset for each table, a partition for each sender code.

Copy this file into your project, and add its definitions to yours (``Definitions.merge``). Each run pulls one sender
code by ``listrak pull`` in an environment of its own: the warehouse has to be one in which pulls of different sender
codes may run at once, PostgreSQL, Redshift, Snowflake, BigQuery or Databricks. A run may be tried again at any time.

Settings, in the environment of the code location:

LISTRAK_PYTHON       The Python that has listrak-source; this one, if it is not set.
LISTRAK_FOLDER       The folder with .dlt. Else settings come from the environment alone.
LISTRAK_DESTINATION  The destination; postgres when it is not set.
LISTRAK_DATASET      The dataset; listrak_sms when it is not set.
LISTRAK_RETRY_DELAY  Seconds until a pull that failed is tried again, twice as long each time; 60 when it is not set.
LISTRAK_MAX_AGE      How old a table may be before its check fails; 26h when it is not set.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetSpec,
    Backoff,
    DefaultScheduleStatus,
    Definitions,
    DynamicPartitionsDefinition,
    MaterializeResult,
    RetryPolicy,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    asset_check,
    define_asset_job,
    multi_asset,
    schedule,
)

TABLES = (
    "sender_codes", "lists", "profile_fields", "transactional_messages", "contacts", "contact_profile_values",
    "list_memberships", "opt_outs", "subscriptions", "consent_events",
)  # fmt: skip
MAX_AGE = os.environ.get("LISTRAK_MAX_AGE", "26h")
RETRY_DELAY = float(os.environ.get("LISTRAK_RETRY_DELAY", "60"))
POOL = "listrak"
"""Its limit is how many pulls ask Listrak at once."""

sender_codes = DynamicPartitionsDefinition(name="listrak_sender_codes")


class ListrakError(Exception):
    """A command of listrak's has failed."""


def listrak(*command: str) -> tuple[int, dict[str, Any]]:
    """Run a command of listrak's; returns its exit code and the document that it prints."""
    warehouse = [
        "--destination", os.environ.get("LISTRAK_DESTINATION", "postgres"),
        "--dataset", os.environ.get("LISTRAK_DATASET", "listrak_sms"),
    ]  # fmt: skip
    python = os.environ.get("LISTRAK_PYTHON", sys.executable)
    into = [] if command == ("sender-codes",) else warehouse
    with tempfile.TemporaryDirectory(prefix="listrak-") as scratch:
        done = subprocess.run(
            [python, "-m", "listrak_source", *command, "--json", *into],
            cwd=os.environ.get("LISTRAK_FOLDER") or scratch,
            # What dlt keeps on disk is scratch: the state is in the warehouse.
            env={**os.environ, "DLT_DATA_DIR": scratch},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


@multi_asset(
    specs=[AssetSpec(["listrak_sms", table], group_name="listrak") for table in TABLES],
    partitions_def=sender_codes,
    pool=POOL,
    retry_policy=RetryPolicy(max_retries=3, delay=RETRY_DELAY, backoff=Backoff.EXPONENTIAL),
)
def listrak_sms(context: AssetExecutionContext) -> Iterator[MaterializeResult]:
    """What is new of one sender code. With the tag ``full`` on the run it is a complete walk."""
    full = ["--full"] if "full" in context.run.tags else []
    code, told = listrak("pull", "--sender-code", context.partition_key, *full)
    if code:
        raise ListrakError(f"listrak pull ended with {code}: {told.get('message')}")
    rows = {one["table"]: one["rows"] for one in told["results"]}
    for table in TABLES:
        yield MaterializeResult(asset_key=["listrak_sms", table], metadata={"rows": rows.get(table, 0)})


@asset_check(asset=["listrak_sms", "contacts"], description=f"No table of people or stops is older than {MAX_AGE}.")
def is_fresh() -> AssetCheckResult:
    """Whether every table of people and stops was read lately enough, of all sender codes."""
    code, told = listrak("status", "--max-age", MAX_AGE)
    stale = told.get("stale", [])
    if code and not stale:
        raise ListrakError(f"listrak status ended with {code}: {told.get('message')}")
    return AssetCheckResult(passed=not stale, metadata={"stale": stale})


pull_job = define_asset_job("listrak_pull", selection="group:listrak", partitions_def=sender_codes)


def _each_sender_code(context: ScheduleEvaluationContext, *, full: bool) -> Iterator[RunRequest | SkipReason]:
    code, told = listrak("sender-codes")
    found = [str(one["sender_code_id"]) for one in told.get("sender_codes", [])]
    if not found:
        yield SkipReason(f"listrak sender-codes ended with {code}: {told.get('message')}")
        return
    context.instance.add_dynamic_partitions(str(sender_codes.name), found)
    at = context.scheduled_execution_time.isoformat()
    for one in found:
        yield RunRequest(run_key=f"{at} {one}", partition_key=one, tags={"full": "true"} if full else {})


@schedule(job=pull_job, cron_schedule="17 * * * *", default_status=DefaultScheduleStatus.STOPPED)
def each_hour(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
    """What is new, of each sender code."""
    yield from _each_sender_code(context, full=False)


@schedule(job=pull_job, cron_schedule="43 3 * * 0", default_status=DefaultScheduleStatus.STOPPED)
def each_sunday(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
    """Everything again, of each sender code."""
    yield from _each_sender_code(context, full=True)


defs = Definitions(assets=[listrak_sms], asset_checks=[is_fresh], jobs=[pull_job], schedules=[each_hour, each_sunday])
