"""The difference between what a sync wants and what Listrak holds as far as is known: worked out in the warehouse.

What Listrak holds is what the last pull brought, overlaid by what push has confirmed since that pull wrote the contact.
Three tables are left, named after the sync: changes, stops and rejected rows.
"""

from __future__ import annotations

from listrak_source.api import ConfigurationError
from listrak_source.push import ledger, phones
from listrak_source.push.store import Store, name, text
from listrak_source.push.sync import Sync
from listrak_source.push.targets import Target, clears, given
from listrak_source.push.values import canonical

NO_PHONE = "not a phone number"
UNKNOWN = "Listrak has no such contact, as far as the last pull knows"
SAME = "the same person as row "


def changes_of(sync: Sync) -> str:
    """The table of changes: ``row_key``, ``phone_number`` (as Listrak stores it), and for each target ``n`` canonical
    values, ``before_n`` and ``after_n``. The latter is null where nothing changes, empty where the field is emptied.
    """
    return f"push_changes_{sync.name}"


def stops_of(sync: Sync) -> str:
    """The table of people who said stop and are not opted out at Listrak: ``row_key``, ``phone_number``."""
    return f"push_stops_{sync.name}"


def rejected_of(sync: Sync) -> str:
    """The table of rows that are not sent: ``row_key``, ``column_name``, ``reason``."""
    return f"push_rejected_{sync.name}"


def run(store: Store, sync: Sync, targets: list[Target]) -> None:
    """Make the three tables. Raises :class:`ConfigurationError` where nothing was pulled to compare with."""
    if "contacts" not in store.tables:
        raise ConfigurationError("the warehouse holds no contacts to compare with: run listrak pull first")
    ledger.prepare(store)
    _wanted(store, sync, targets)
    _known(store, sync, targets)
    _compare(store, sync, targets)
    for table in ("wanted", "known"):
        store.run(f"DROP TABLE push_{table}_{sync.name}")


def _wanted(store: Store, sync: Sync, targets: list[Target]) -> None:
    """One row per row of the user's table: its number, and canonical values with whether each fits."""
    table = f"push_wanted_{sync.name}"
    columns = ", ".join(f"CAST({name(one.column.name)} AS TEXT) AS text_{index}" for index, one in enumerate(targets))
    rows = (
        f"SELECT CAST({name(sync.key)} AS TEXT) AS row_key, TRIM(CAST({name(sync.phone)} AS TEXT)) AS given, {columns} "
        f"FROM {sync.relation} AS source"
    )
    said_all = ", ".join(f"{given(one, f'text_{index}')} AS said_{index}" for index, one in enumerate(targets))
    values = []
    for index, target in enumerate(targets):
        value = canonical(f"said_{index}", target.kind)
        values.append(f"{value} AS value_{index}")
        too_long = f" OR LENGTH(said_{index}) > {target.max_length}" if target.max_length else ""
        values.append(f"said_{index} IS NOT NULL AND ({value} IS NULL{too_long}) AS bad_{index}")
    store.make(
        table,
        f"SELECT row_key, given, {phones.plain('given')} AS phone, {', '.join(values)} "
        f"FROM (SELECT row_key, given, {said_all} FROM ({rows}) AS texts) AS said",
    )
    odd = store.rows(f"SELECT DISTINCT given FROM {table} WHERE phone IS NULL AND given <> ''")
    numbers = phones.numbers(str(row[0]) for row in odd)
    if numbers:
        store.run("DROP TABLE IF EXISTS push_phones")
        store.run("CREATE TABLE push_phones (given TEXT, phone TEXT)")
        store.insert("push_phones", ["given", "phone"], [(raw, phone) for raw, phone in numbers.items() if phone])
        store.run(
            f"UPDATE {table} SET phone = push_phones.phone FROM push_phones WHERE push_phones.given = {table}.given"
        )
        store.run("DROP TABLE push_phones")


def _known(store: Store, sync: Sync, targets: list[Target]) -> None:
    """One row per contact of the sender code: what Listrak holds of the targets, as far as is known."""
    alive = " AND c.removed_at IS NULL" if "removed_at" in store.tables["contacts"] else ""
    values, join = _profile_values(store, sync, targets)
    own = {
        index: canonical(f"CAST(c.{one.id} AS TEXT)", one.kind)
        for index, one in enumerate(targets)
        if one.field_id is None and not one.is_stop
    }
    pulled = "".join(f", {value} AS pulled_{index}" for index, value in sorted((values | own).items()))
    confirmed = "".join(
        f", MAX(CASE WHEN p.target = {text(one.id)} THEN 1 END) AS is_confirmed_{index}"
        f", MAX(CASE WHEN p.target = {text(one.id)} THEN p.confirmed_value END) AS confirmed_{index}"
        for index, one in enumerate(targets)
    )
    held = "".join(
        f", CASE WHEN b.is_confirmed_{index} = 1 THEN NULLIF(b.confirmed_{index}, '') ELSE a.pulled_{index} END "
        f"AS held_{index}"
        for index in sorted(values | own)
    )
    stop = next((f"OR COALESCE(b.confirmed_{index}, '') = '1'" for index, one in enumerate(targets) if one.is_stop), "")
    # A load's id is the moment when it began, so what was confirmed later is newer than what the load brought.
    store.make(
        f"push_known_{sync.name}",
        f"WITH a AS (SELECT c.phone_number, {phones.plain('c.phone_number')} AS phone, c.opted_out, "
        f"CAST(c._dlt_load_id AS DOUBLE) AS pulled_at{pulled} FROM contacts AS c{join} "
        f"WHERE c.sender_code_id = {sync.sender_code_id}{alive}), "
        f"b AS (SELECT a.phone_number{confirmed} FROM a JOIN push_confirmed AS p ON p.phone_number = a.phone_number "
        f"WHERE p.sender_code_id = {sync.sender_code_id} AND p.confirmed_at > a.pulled_at GROUP BY a.phone_number) "
        f"SELECT a.phone_number, COALESCE(a.phone, a.phone_number) AS phone, "
        f"(COALESCE(a.opted_out, FALSE) {stop}) AS opted_out{held} "
        f"FROM a LEFT JOIN b ON b.phone_number = a.phone_number",
    )


def _profile_values(store: Store, sync: Sync, targets: list[Target]) -> tuple[dict[int, str], str]:
    """By number of a target, SQL for the profile value that was pulled; and the join that brings them."""
    profile = {index: one for index, one in enumerate(targets) if one.field_id is not None}
    if not profile or "contact_profile_values" not in store.tables:
        return dict.fromkeys(profile, "CAST(NULL AS TEXT)"), ""
    pivot = ", ".join(
        f"MAX(CASE WHEN segmentation_field_id = {one.field_id} THEN {canonical('value', one.kind)} END) "
        f"AS value_{index}"
        for index, one in profile.items()
    )
    ids = ", ".join(str(one.field_id) for one in profile.values())
    alive = " AND removed_at IS NULL" if "removed_at" in store.tables["contact_profile_values"] else ""
    join = (
        f" LEFT JOIN (SELECT phone_number, {pivot} FROM contact_profile_values "
        f"WHERE sender_code_id = {sync.sender_code_id} AND segmentation_field_id IN ({ids}){alive} "
        "GROUP BY phone_number) AS v ON v.phone_number = c.phone_number"
    )
    return {index: f"v.value_{index}" for index in profile}, join


def _tried(sync: Sync) -> str:
    """SQL: whether a stop of somebody whom no pull has brought was sent, and Listrak knew nobody of that number."""
    return (
        f"EXISTS (SELECT 1 FROM push_changes AS c WHERE c.sender_code_id = {sync.sender_code_id} "
        f"AND c.operation = '{ledger.STOP}' AND c.status = '{ledger.NOT_FOUND}' AND c.phone_number = w.phone)"
    )


def _compare(store: Store, sync: Sync, targets: list[Target]) -> None:
    wanted, known = f"push_wanted_{sync.name}", f"push_known_{sync.name}"
    stop = next((index for index, one in enumerate(targets) if one.is_stop), None)
    values = [index for index, one in enumerate(targets) if not one.is_stop]
    # A stop is believed whatever else is wrong with its row, and whoever else has the same number.
    says_stop = f"w.value_{stop} = '1'" if stop is not None else "FALSE"
    store.make(
        stops_of(sync),
        f"SELECT MIN(w.row_key) AS row_key, COALESCE(k.phone_number, w.phone) AS phone_number FROM {wanted} AS w "
        f"LEFT JOIN {known} AS k ON k.phone = w.phone WHERE w.phone IS NOT NULL AND {says_stop} "
        f"AND NOT COALESCE(k.opted_out, FALSE) AND NOT (k.phone IS NULL AND {_tried(sync)}) "
        "GROUP BY COALESCE(k.phone_number, w.phone)",
    )
    reasons = [
        ("phone", text(NO_PHONE), "w.phone IS NULL"),
        (
            "phone",
            f"{text(SAME)} || CASE WHEN w.row_key = w.first_key THEN w.last_key ELSE w.first_key END",
            "w.same > 1",
        ),
        (
            "phone",
            text(UNKNOWN),
            f"w.phone IS NOT NULL AND k.phone IS NULL AND (NOT COALESCE({says_stop}, FALSE) OR {_tried(sync)})",
        ),
    ]
    for index, target in enumerate(targets):
        limit = f", {target.max_length} characters at the most" if target.max_length else ""
        reasons.append(
            (
                target.column.name,
                text(f"does not fit: {target.title} is a {target.kind.value}{limit}"),
                f"w.bad_{index}",
            )
        )
    counted = (
        f"(SELECT *, COUNT(*) OVER (PARTITION BY phone) AS same, MIN(row_key) OVER (PARTITION BY phone) AS first_key, "
        f"MAX(row_key) OVER (PARTITION BY phone) AS last_key FROM {wanted}) AS w"
    )
    store.make(
        rejected_of(sync),
        " UNION ALL ".join(
            f"SELECT w.row_key, {text(column)} AS column_name, {reason} AS reason FROM {counted} "
            f"LEFT JOIN {known} AS k ON k.phone = w.phone WHERE {condition}"
            + (" AND w.phone IS NOT NULL" if "same" in condition else "")
            for column, reason, condition in reasons
        ),
    )
    after = {
        index: f"CASE WHEN w.value_{index} IS DISTINCT FROM k.held_{index} THEN "
        + (f"COALESCE(w.value_{index}, '')" if clears(targets[index]) else f"w.value_{index}")
        + " END"
        for index in values
    }
    pairs = "".join(f", k.held_{index} AS before_{index}, {sql} AS after_{index}" for index, sql in after.items())
    changed = " OR ".join(f"after_{index} IS NOT NULL" for index in values) or "FALSE"
    bad = " OR ".join(f"w.bad_{index}" for index in range(len(targets)))
    store.make(
        changes_of(sync),
        f"SELECT * FROM (SELECT w.row_key, k.phone_number{pairs} FROM {counted} JOIN {known} AS k ON k.phone = w.phone "
        f"WHERE w.same = 1 AND NOT ({bad})) AS compared WHERE {changed}",
    )
