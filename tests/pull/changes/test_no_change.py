"""What is no change: other forms of the same record, and columns that are not kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from listrak_source.sandbox import Quirks, Sandbox
from tests.pull.asking import Somebody, somebody
from tests.pull.changes.walking import (
    hashes,
    wrote,
)
from tests.pull.masked import KEY
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse

# -- what is no change -------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_order_of_fields_page_size_and_new_empty_fields_change_no_hash(warehouse: Warehouse) -> None:
    warehouse.begin()
    before = hashes(warehouse)

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/Contact"):
            for record in answer["data"]:
                items = [dict(reversed(item.items())) for item in record["segmentationFieldValues"]]
                turned = {name: record[name] for name in reversed(record)}
                record.clear()
                record.update({"loyaltyTier": None} | turned | {"segmentationFieldValues": items[::-1]})

    with proxy(warehouse.sandbox, change) as base_url:
        assert wrote(warehouse, base_url=base_url, page_size=7) == {}
    assert hashes(warehouse) == before


@pytest.mark.full
def test_a_new_field_with_something_in_it_is_a_change_once(warehouse: Warehouse, someone: Somebody) -> None:
    warehouse.begin()

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/Contact"):
            for record in answer["data"]:
                record["loyaltyTier"] = "gold" if record["phoneNumber"] == someone.phone_number else None

    with proxy(warehouse.sandbox, change) as base_url:
        assert wrote(warehouse, base_url=base_url) == {"contacts": {someone.key}}
        assert wrote(warehouse, base_url=base_url) == {}
    assert warehouse.rows("contacts")[someone.key]["loyalty_tier"] == "gold"
    assert wrote(warehouse) == {"contacts": {someone.key}}, "the field is not told any more"
    assert not warehouse.rows("contacts")[someone.key]["loyalty_tier"]


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("form", ["plus", "ten"])
def test_another_form_of_phone_numbers_is_no_other_record(warehouse: Warehouse, form: Any) -> None:
    """The contacts alone are written, once: push asks for people in the form that Listrak writes."""
    warehouse.begin()
    before = hashes(warehouse)
    warehouse.sandbox.service.quirks = replace(Quirks(), contact_phones=form)
    assert wrote(warehouse) == {"contacts": before.keys()}
    assert hashes(warehouse) == before
    assert wrote(warehouse) == {}


@pytest.mark.full
def test_where_columns_are_masked(sandbox: Sandbox, tmp_path: Path) -> None:
    """A second walk writes nothing, the edit of a dropped column neither; that of another column is seen."""
    warehouse, world, one = Warehouse(sandbox, tmp_path), sandbox.world, somebody(sandbox)
    masks: dict[str, Any] = {
        "hash_columns": ["phone_number"], "drop_columns": ["email_address"], "hash_key": KEY,
    }  # fmt: skip
    warehouse.begin(**masks)
    assert all(record for record, _ in hashes(warehouse).values())
    assert wrote(warehouse, **masks) == {}
    world.edit(one.phone_number, {"emailAddress": "zoe.the.second@example.com"})
    assert wrote(warehouse, **masks) == {}
    world.edit(one.phone_number, {"firstName": "Zoë the Second"})
    found = wrote(warehouse, **masks)
    assert found.keys() == {"contacts"}
    (key,) = found["contacts"]
    assert warehouse.rows("contacts")[key]["first_name"] == "Zoë the Second"


@pytest.mark.full
def test_a_hash_is_made_with_the_key_where_columns_are_masked(sandbox: Sandbox, tmp_path: Path) -> None:
    """Or whoever guesses a record could tell whether it is right."""
    found = []
    for turn, key in enumerate((KEY, KEY, "another key that nobody knows")):
        (tmp_path / str(turn)).mkdir()
        warehouse = Warehouse(sandbox, tmp_path / str(turn))
        warehouse.pull("contacts", "contact_profile_values", hash_columns=["last_name"], hash_key=key)
        found.append(hashes(warehouse))
    assert found[0] == found[1]
    unlike = [key for key in found[0] if found[0][key][0] != found[2][key][0]]
    assert len(unlike) == len(found[0])
