"""Facts of the warehouse onto Listrak's profiles: what would change, the change, and what Listrak says afterwards.

The sync ``loyalty`` stands in ``listrak_push.toml`` (see the README). ``listrak push`` does the same, with saved plans,
undo and clear messages. Run it after a pull: it compares with what the last one brought.
"""

import dlt

from listrak_source.push import load_syncs, sync_session

if __name__ == "__main__":
    pipeline = dlt.pipeline("listrak", destination="duckdb", dataset_name="listrak_sms")
    pipeline.sync_destination()
    with sync_session(pipeline, load_syncs("listrak_push.toml")["loyalty"]) as loyalty:
        print(loyalty.plan().counts)
        done = loyalty.apply(print)
        print(done.counts if done else "Nothing to send.")
