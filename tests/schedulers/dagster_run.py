"""Run by Dagster's Python: evaluates the schedule, does the runs that it asks for, and prints what came of them."""

import json
import sys
from datetime import datetime, timezone

from dagster import DagsterInstance, build_schedule_context

sys.path.insert(0, sys.argv[1])
import listrak_dagster as ours

with DagsterInstance.local_temp(sys.argv[3]) as instance:
    schedule = ours.each_sunday if sys.argv[2] == "full" else ours.each_hour
    context = build_schedule_context(
        instance, scheduled_execution_time=datetime.now(timezone.utc), repository_def=ours.defs.get_repository_def()
    )
    job = ours.defs.resolve_job_def("listrak_pull")
    told = []
    for request in schedule.evaluate_tick(context).run_requests or ():
        done = job.execute_in_process(
            instance=instance, partition_key=request.partition_key, tags=request.tags, raise_on_error=False
        )
        rows = {
            one.asset_key.path[-1]: one.step_materialization_data.materialization.metadata["rows"].value
            for one in done.get_asset_materialization_events()
        }
        checks = [one.passed for one in done.get_asset_check_evaluations()]
        told.append({"sender_code": request.partition_key, "done": done.success, "rows": rows, "fresh": checks})
print(json.dumps(told))
