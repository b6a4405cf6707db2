"""The SQL of the dbt models, made without dbt: what the page shows means the same whether they are built or not.

dbt renders a model with Jinja and a few objects of its own. Here is what our models use of these, for a full build in
DuckDB or PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, StrictUndefined

from listrak_source.errors import StoppedError

PROJECT: Path = Path(__file__).parents[1] / "models"
SOURCES: tuple[str, ...] = tuple(
    file.stem.removeprefix("stg_listrak__") for file in sorted(PROJECT.glob("models/staging/*.sql"))
)
"""The tables that the models are made of."""
DIALECTS = ("duckdb", "postgres")
_VARIABLES = {"listrak_health_days": 30, "listrak_offline": False}
_TEMPORARY = {"duckdb": "temp.", "postgres": "pg_temp."}


@dataclass(frozen=True)
class Temporary:
    """A model as a temporary view or table of one connection: nothing stays in the warehouse."""

    name: str
    sql: str
    is_view: bool

    def statements(self, dialect: str) -> Iterator[str]:
        """What makes it."""
        kind = "VIEW" if self.is_view else "TABLE"
        yield f"CREATE TEMPORARY {kind} {self.name} AS {self.sql}"
        if dialect == "postgres" and not self.is_view:
            # It plans by what it knows of a table, which is nothing yet.
            yield f"ANALYZE {self.name}"


@dataclass
class Definitions:
    """The models of the dbt project, for a dataset in a database that is not asked anything."""

    dialect: str
    dataset: str
    """The dataset, as a statement names it."""
    tables: Mapping[str, set[str]]
    """The tables of the dataset, with their columns in small letters. One that is not there is taken to be empty."""
    timezone: str
    """The zone in which days are counted."""
    built: Mapping[str, str] = field(default_factory=dict)
    """The models that are there already, each with the name that the database knows it by: these are not made."""
    _made: dict[str, Temporary] = field(default_factory=dict)

    def named(self, model: str) -> str:
        """The name of a model in a query. What has to be made for it is added to :attr:`made`."""
        if model in self.built:
            return self.built[model]
        if self.dialect not in DIALECTS:
            raise StoppedError(f"the model {model} is not built; listrak models build makes it")
        name = f"{_TEMPORARY[self.dialect]}{model}"
        if model not in self._made:
            (file,) = PROJECT.glob(f"models/*/{model}.sql")
            settings: dict[str, Any] = {"materialized": "view" if file.parent.name == "staging" else "table"}

            def configured(**given: Any) -> str:
                settings.update(given)
                return ""

            template = self._jinja.from_string(file.read_text(encoding="utf-8"))
            sql = template.render(config=configured, this=name).strip()
            self._made[model] = Temporary(model, sql, settings["materialized"] == "view")
        return name

    @property
    def made(self) -> list[Temporary]:
        """What is to be made, in order: each after those that it is made of."""
        return list(self._made.values())

    @cached_property
    def _jinja(self) -> Environment:
        """Jinja, with what dbt has there for a model."""
        listrak = SimpleNamespace()

        def dispatch(name: str, _: str) -> Any:
            return getattr(listrak, f"{self.dialect}__{name}", None) or getattr(listrak, f"default__{name}")

        environment = Environment(extensions=["jinja2.ext.do"], undefined=StrictUndefined, autoescape=False)  # noqa: S701 - SQL
        environment.globals = {
            **environment.globals,
            "adapter": SimpleNamespace(
                dispatch=dispatch,
                get_relation=lambda database, schema, identifier: identifier if identifier in self.tables else None,  # noqa: ARG005
                get_columns_in_relation=lambda table: [SimpleNamespace(name=one) for one in sorted(self.tables[table])],
            ),
            "dbt": _dbt(self.dialect),
            "execute": True,
            "is_incremental": lambda: False,
            "listrak": listrak,
            "ref": self.named,
            "return": _return,
            "source": lambda _, table: _Source(self.dataset, table),
            "target": SimpleNamespace(type=self.dialect),
            "var": {"listrak_timezone": self.timezone.replace("'", ""), **_VARIABLES}.get,
        }
        for file in sorted(PROJECT.glob("macros/*.sql")):
            module = environment.from_string(file.read_text(encoding="utf-8")).module
            for name, macro in vars(module).items():
                if callable(macro):
                    setattr(listrak, name, _returning(macro))
        return environment


@dataclass(frozen=True)
class _Source:
    dataset: str
    identifier: str
    database: None = None

    @property
    def schema(self) -> str:
        return self.dataset

    def __str__(self) -> str:
        return f'{self.dataset}."{self.identifier}"'


class _Returned(Exception):  # noqa: N818 - no error
    def __init__(self, value: Any) -> None:
        self.value = value


def _return(value: Any) -> None:
    raise _Returned(value)


def _returning(macro: Callable[..., Any]) -> Callable[..., Any]:
    def called(*values: Any, **named: Any) -> Any:
        try:
            return macro(*values, **named)
        except _Returned as end:
            return end.value

    return called


def _dbt(dialect: str) -> SimpleNamespace:
    """The macros of dbt's own that our models use, as dbt-duckdb and dbt-postgres have them."""
    is_duckdb = dialect == "duckdb"

    def dateadd(part: str, count: Any, date: str) -> str:
        if is_duckdb:
            return f"date_add({date}, ({count}) * interval 1 {part})"
        return f"({date} + (({count}) * interval '1 {part}'))"

    return SimpleNamespace(
        concat=" || ".join,
        date_trunc=lambda part, date: f"date_trunc('{part}', {date})",
        dateadd=dateadd,
        length=lambda text: f"length({text})",
        type_bigint=lambda: "bigint",
        type_boolean=lambda: "boolean",
        type_float=lambda: "double" if is_duckdb else "float",
        type_numeric=lambda: "numeric(28,6)" if is_duckdb else "numeric",
        type_string=lambda: "text",
    )
