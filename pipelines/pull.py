"""Listrak SMS into a warehouse: the whole pipeline, short enough to copy into a repository of your own.

Settings come from ``.dlt/config.toml``, ``.dlt/secrets.toml`` or the environment (``SOURCES__LISTRAK__CLIENT_ID`` …).
``listrak pull`` does the same with options, progress and clear messages.
"""

import dlt

from listrak_source import pull

if __name__ == "__main__":
    pipeline = dlt.pipeline("listrak", destination="duckdb", dataset_name="listrak_sms", progress="log")
    for done in pull(pipeline):
        print(done)
