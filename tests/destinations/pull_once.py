"""One pull in a process of its own, to be killed: arguments are the place, the folder, and the source's options."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dlt

from listrak_source import listrak_sms
from tests.destinations.places import DATASET, PLACES

if __name__ == "__main__":
    name, folder, options = sys.argv[1:]
    place = PLACES[name]
    dlt.pipeline(
        "listrak",
        destination=place.destination(Path(folder)),
        dataset_name=DATASET,
        pipelines_dir=f"{folder}/pipelines",
    ).run(listrak_sms(**json.loads(options)))
