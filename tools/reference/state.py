"""What a pull keeps in dlt's state. A test compares the names with those that pulls leave there."""

from __future__ import annotations

from tools.reference.markdown import code, table
from tools.reference.source import attributes, told

SOURCE = {
    "masks": "A mark of the columns that are hashed or dropped, and of the key: a pull with others stops.",
    "timezone": "The zone that the dataset's dates were placed in: a pull with another stops.",
    "no_date": "What stands for no date of a stop: an older dataset is moved to it once.",
    "looked_up": "Whether any contact was ever looked up.",
    "fields": "By table and field beyond Listrak's contract: the column that it has.",
    "watermarks": "Lookups: by stream, up to when changed contacts were looked for.",
    "watermarks_before": "The same one pull earlier: one reading is not believed.",
    "clocks": "What Listrak's clock and ours said at one moment.",
    "remarks": "What whoever ran the last pull should know, in sentences.",
    "unread": "What could not be read, by its name, and why: until a pull has read it.",
    "walk": "The last complete walk: `began`, and `unproved`, why nothing of a stream was marked.",
    "removals": "What that walk did not find and did not mark: `hash` of the set that was over the budget, `told`, the "
    "sentence about it, and `load_id` of the keys in `seen_keys`.",
    "pending": "A pull that is not at its end: see below. It is not there when the pull is done.",
    "taken_up": "Whether another process went on with the last pull.",
    "pulls": "By sender code: how many pulls have ended. Of several pipelines, the one that counts most knows most.",
    "has_seen": "Tasks that have rows in `seen_keys`.",
    "resources": "By table: what stands in the next list.",
}
TABLE = {
    "watermarks": "By stream: up to when (UTC) the table knows it.",
    "watermarks_before": "The same one pull earlier: the next pull reads from there again.",
    "vouched": "By sender code: how many rows the table has, at the least.",
    "apart": "Of `contact_profile_values`: the last load that wrote values without their contacts.",
}


def state() -> str:
    """The names in the source's part of the state, and in each table's."""
    return "\n".join(
        (
            "Of the source:\n",
            table(["name", "meaning"], [(code(name), meaning) for name, meaning in SOURCE.items()]),
            "Of a table, under `resources` and its name, so that dlt's `refresh` of the table resets them too:\n",
            table(["name", "meaning"], [(code(name), meaning) for name, meaning in TABLE.items()]),
        )
    )


def pending() -> str:
    """What is kept of a pull that is not at its end."""
    # What a property says is made of these, and not kept.
    every = attributes("pull.state.checkpoint.Checkpoint")
    kept = {name: one for name, one in every.items() if "property" not in one.labels}
    rows = [(code(name), told(one)) for name, one in kept.items() if told(one)]
    return table(["name", "meaning"], rows)
