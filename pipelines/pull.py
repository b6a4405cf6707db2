"""Listrak SMS into a warehouse: the whole pipeline, short enough to copy into a repository of your own.

Settings come from ``.dlt/config.toml``, ``.dlt/secrets.toml`` or the environment (``SOURCES__LISTRAK__CLIENT_ID`` …).
``listrak pull`` does the same with options, progress and clear messages.
"""

import dlt
from dlt.common.pipeline import LoadInfo

from listrak_source import listrak_sms


def pull(pipeline: dlt.Pipeline, *tables: str, **options: object) -> LoadInfo:
    """Read what is new since the last pull into the pipeline's destination.

    ``tables`` are the ones to read, all of them when none is named; ``options`` are those of
    :class:`listrak_source.settings.Settings`.
    """
    source = listrak_sms(**options)
    return pipeline.run(source.with_resources(*tables) if tables else source)


if __name__ == "__main__":
    print(pull(dlt.pipeline("listrak", destination="duckdb", dataset_name="listrak_sms", progress="log")))
