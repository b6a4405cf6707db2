"""The tables of the ledger: every column, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass

RUN = ("TEXT", "The run: the second when it began, in hexadecimal, and six digits at random.")
SYNC = ("TEXT", "The sync, as its file names it.")
SENDER = ("BIGINT", "The sender code.")
PHONE = ("TEXT", "The phone number, in the one form of ``contacts``.")
RAW = ("TEXT", "The same as Listrak writes it, where that is another form.")
ROW = ("TEXT", "The row of the sync's table, by its key.")
TARGET = (
    "TEXT",
    "What is changed: a profile field by its id, a contact's own field, ``opted_out``, or a list (``list:1012``).",
)


@dataclass(frozen=True)
class Ledgered:
    """One table."""

    description: str
    columns: dict[str, tuple[str, str]]
    """By name: the type, and what it holds. Moments are seconds since 1970, in UTC."""

    @property
    def sql(self) -> str:
        """The columns as ``CREATE TABLE`` takes them."""
        return ", ".join(f"{name} {kind}" for name, (kind, _) in self.columns.items())


LEDGER = {
    "push_runs": Ledgered(
        "One row for each apply of a plan.",
        {
            "run_id": RUN,
            "sync_name": SYNC,
            "plan_hash": ("TEXT", "The hash of the plan that is applied."),
            "sender_code_id": SENDER,
            "status": ("TEXT", "``running`` or ``done``: the next apply finishes one that is running and dead."),
            "began_at": ("DOUBLE", "When it began."),
            "ended_at": ("DOUBLE", "When it had come to its end."),
            "read_back": ("BIGINT", "Contacts of each file that are read back first; 0 for all."),
            "undoes": ("TEXT", "The run that it undoes."),
            "opt_outs": ("BIGINT", "Contacts that are opted out."),
            "unsubscribes": ("BIGINT", "Contacts that are taken off a list."),
            "creates": ("BIGINT", "Contacts that are created."),
            "subscribes": ("BIGINT", "Contacts that are put on a list."),
            "updates": ("BIGINT", "Contacts that are updated one by one."),
            "imports": ("BIGINT", "Contacts that are updated by import file."),
            "rejected": ("BIGINT", "Rows that are not sent."),
            "version": ("TEXT", "The version of listrak-source that has made the plan."),
        },
    ),
    "push_files": Ledgered(
        "One row for each import file of a run.",
        {
            "run_id": RUN,
            "file_number": ("BIGINT", "The file's number in its run, from 0 on."),
            "fields": ("TEXT", "Its profile fields, as JSON: id, name and type of each, in the order of its columns."),
            "contacts": ("BIGINT", "Its rows."),
            "file_bytes": ("BIGINT", "Its bytes, before base64."),
            "sha256": ("TEXT", "The digest of its bytes: a file that is made anew must have the same."),
            "status": ("TEXT", "How it stands."),
            "import_file_id": ("BIGINT", "The import's id at Listrak, once it was handed in."),
            "attempts": ("BIGINT", "How often it was handed in."),
            "note": ("TEXT", "What Listrak, or push, says against it."),
            "changed_at": ("DOUBLE", "Since when it stands so."),
        },
    ),
    "push_changes": Ledgered(
        "One row for each value that a run changes.",
        {
            "run_id": RUN,
            "operation": (
                "TEXT",
                "``opt_out``, ``unsubscribe``, ``create``, ``subscribe``, ``update`` or ``import``; ``clear`` is a"
                " value that a stop has taken along, for Listrak takes it no more.",
            ),
            "sender_code_id": SENDER,
            "phone_number": PHONE,
            "row_key": ROW,
            "file_number": ("BIGINT", "The import file, where it goes by one."),
            "target": TARGET,
            "before_value": ("TEXT", "What was there before, as far as was known."),
            "after_value": ("TEXT", "What is wanted."),
            "status": ("TEXT", "How it stands."),
            "note": ("TEXT", "What push itself has to know of it."),
            "phone_number_raw": RAW,
            "reason": ("TEXT", "What Listrak says against it."),
        },
    ),
    "push_rejected": Ledgered(
        "The rows that runs did not send.",
        {
            "run_id": RUN,
            "sync_name": SYNC,
            "row_key": ROW,
            "column_name": ("TEXT", "The column that is wrong, or ``phone``."),
            "reason": ("TEXT", "Why it was not sent."),
            "rejected_at": ("DOUBLE", "When."),
        },
    ),
    "push_confirmed": Ledgered(
        "What was read back as it was sent: it overlays what the last pull brought.",
        {
            "sender_code_id": SENDER,
            "phone_number": PHONE,
            "target": TARGET,
            "confirmed_value": ("TEXT", "The value."),
            "confirmed_at": ("DOUBLE", "When."),
        },
    ),
    "push_tried": Ledgered(
        "What was sent and did not come to be: it is not sent again until something changes.",
        {
            "sender_code_id": SENDER,
            "phone_number": PHONE,
            "target": TARGET,
            "tried_value": ("TEXT", "The value."),
            "status": ("TEXT", "How it stood at the end of its run; or that it may be asked again."),
            "operation": ("TEXT", "How it was sent."),
            "tried_at": ("DOUBLE", "When."),
            "sync_name": SYNC,
        },
    ),
    "push_refused_stops": Ledgered(
        "The stops that Listrak refuses: each run sends and tells them, until one is carried out or waived.",
        {
            "sender_code_id": SENDER,
            "phone_number": PHONE,
            "phone_number_raw": RAW,
            "sync_name": SYNC,
            "row_key": ROW,
            "reason": ("TEXT", "What Listrak says."),
            "refused_at": ("DOUBLE", "When it was refused last."),
            "waived_at": ("DOUBLE", "When a person gave it up; empty where nobody has."),
        },
    ),
    "push_read": Ledgered(
        "What is read back of a run, while it is compared.",
        {
            "run_id": RUN,
            "phone_number": PHONE,
            "target": TARGET,
            "read_value": ("TEXT", "What Listrak holds."),
        },
    ),
}
"""By name."""
