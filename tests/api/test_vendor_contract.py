"""Our statement of the contract (``operations.py``, ``models.py``) against the vendor's own.

The vendor's file is not ours to ship. Where it lies beside the repository it is compared, field by field; everywhere
else the digest of what it said stands in for it, so that our statement cannot drift unseen.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from listrak_source.api import models
from listrak_source.api.operations import OPERATIONS

VENDOR = Path(__file__).parents[3] / "shared" / "listrak-sms-api" / "openapi.json"
DIGEST = "4c14e7c48c7056e7992958fb024bad8a562886946954ba8ee2fe1e9c1f7453ea"

Statement = dict[str, dict[str, Any]]
WRAPPERS = ("Collection_", "CollectionPaged_", "Resource_")
RECEIPTS = {"ResourceCreated": "created", "ResourceUpdated": "updated", "ResourceDeleted": "deleted"}
OWN_TYPES = {"int": "integer", "str": "string", "bool": "boolean"}


def ours() -> Statement:
    operations = {
        operation.operation_id: {
            "method": operation.method,
            "path": operation.path.lower(),
            "query": sorted(operation.query),
            "status": operation.status,
            "answer": operation.answer,
            "record": operation.record.__name__ if operation.record else None,
            "body": operation.body.__name__ if operation.body else None,
        }
        for operation in OPERATIONS.values()
    }
    types = {name: record for name, record in vars(models).items() if hasattr(record, "__total__")}
    return {
        "operations": operations,
        "records": {
            name: {field: own_type(hint) for field, hint in get_type_hints(record).items()}
            for name, record in types.items()
        },
    }


def own_type(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (part for part in get_args(hint) if part is not NoneType)
        return own_type(inner) + " or null"
    if get_origin(hint) is list:
        return f"array of {own_type(get_args(hint)[0])}"
    return OWN_TYPES.get(hint.__name__, str(hint.__name__))


def vendors(contract: dict[str, Any]) -> Statement:
    operations = {}
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            (success,) = (status for status in operation["responses"] if status.startswith("2"))
            schema = reference(operation["responses"][success]["content"]["application/json"]["schema"])
            operations[operation["operationId"]] = {
                "method": method.upper(),
                # The version is part of our base URI, and one placeholder is spelt in another case than the rest.
                "path": path.removeprefix("/v1").lower(),
                "query": sorted(one["name"] for one in operation.get("parameters", []) if one["in"] == "query"),
                "status": int(success),
                "answer": answer(schema),
                "record": None if schema in RECEIPTS else schema.rsplit("_", 1)[-1],
                "body": reference(operation["requestBody"]["content"]["application/json"]["schema"])
                if "requestBody" in operation
                else None,
            }
    return {
        "operations": operations,
        "records": {
            name: {field: vendor_type(what) for field, what in schema["properties"].items()}
            for name, schema in contract["components"]["schemas"].items()
            if name != "Error" and name not in RECEIPTS and not name.startswith(WRAPPERS)
        },
    }


def answer(schema: str) -> str:
    wrapper = schema.rsplit("_", 1)[0] if "_" in schema else ""
    kinds = {"CollectionPaged": "paged", "Collection": "collection", "Resource": "resource", "": "bare"}
    return RECEIPTS.get(schema) or kinds[wrapper]


def reference(schema: dict[str, str]) -> str:
    return schema["$ref"].rsplit("/", 1)[-1]


def vendor_type(what: dict[str, Any]) -> str:
    if "$ref" in what:
        return reference(what)
    if what["type"] == "array":
        return f"array of {vendor_type(what['items'])}"
    return f"{what['type']} or null" if what.get("nullable") else str(what["type"])


def digest(statement: Statement) -> str:
    return hashlib.sha256(json.dumps(statement, sort_keys=True).encode()).hexdigest()


def test_our_statement_is_what_the_vendors_contract_said() -> None:
    assert len(ours()["operations"]) == 20
    assert digest(ours()) == DIGEST


def test_our_statement_is_what_the_vendors_contract_says() -> None:
    """Where the file is absent, the digest above is all there is to compare with: then the comparison is with it."""
    if not VENDOR.exists():
        assert digest(ours()) == DIGEST
        return
    said = vendors(json.loads(VENDOR.read_text()))
    assert said["operations"] == ours()["operations"]
    assert said["records"] == ours()["records"]
    assert digest(said) == DIGEST


def test_every_placeholder_of_a_path_is_known() -> None:
    """The one freedom above is case: here the client's own placeholders are held to one spelling each."""
    names = {part for operation in OPERATIONS.values() for part in operation.path.split("/") if part.startswith("{")}
    assert names == {
        "{senderCodeId}",
        "{phoneListId}",
        "{phoneNumber}",
        "{segmentationFieldId}",
        "{importFileId}",
        "{transactionalMessageId}",
    }
