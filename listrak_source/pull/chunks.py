"""A pull cut into loads: each takes some of the walk, and with its rows goes the state that tells how far it got."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from weakref import finalize

import pyarrow as pa
from dlt.common.schema import Schema

from listrak_source.pull import forgotten, run_record
from listrak_source.pull.extract.catalog import Catalog
from listrak_source.pull.extract.partitions import place_of
from listrak_source.pull.keys import seen_keys
from listrak_source.pull.keys.record_hash import unproved
from listrak_source.pull.load.warehouse import load_id, not_held
from listrak_source.pull.load.write_disposition import WriteDispositions
from listrak_source.pull.plan import Plan
from listrak_source.pull.records.batching import Batch, batched
from listrak_source.pull.records.coerce import VALUES_FIELD
from listrak_source.pull.records.masking import Masks
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.records.record_limits import Bounds
from listrak_source.pull.schema import CONTACT_PROFILE_VALUES, CONTACTS, REJECTED_ROWS, SEEN_KEYS
from listrak_source.pull.soft_deletes.sweep import Sweep
from listrak_source.pull.state.checkpoint import Checkpoint, task_of
from listrak_source.pull.state.integrity import Integrity
from listrak_source.pull.state.state import CLOCKS_DIFFER, State
from listrak_source.pull.walk import Step, Walk
from listrak_source.settings import Settings, client_of

TASK = ("sender_codes", "lists", "start_date", "timezone", "slices", "lookups", "full")
"""The settings that say what a pull is to read: another one does not go on with it."""


class Chunks:
    """What goes into one load after the other.

    Between them the walk waits where it stands, in memory; if the process ends, another one goes on from what the last
    load's state says.
    """

    def __init__(self, settings: Settings, state: State) -> None:
        self.settings = settings
        self.state = state
        self._walk: Walk | None = None
        self._steps: Iterator[Step] | None = None
        self._forgotten: frozenset[str] = frozenset()

    def look(self, wanted: frozenset[str], changed: Collection[str] = ()) -> None:
        """Look at what is in the warehouse, unless a walk waits to go on: before anything is asked of Listrak.

        Raises :class:`~listrak_source.api.ConfigurationError` where the rows there are of other settings. Of tables
        whose rows the caller ``changed`` on their way nobody knows how many arrive.
        """
        if not self._waits(wanted):
            self.state.drop_older()
            self.state.check_masks(Masks.of(self.settings).mark)
            self.state.check_zone(self.settings.timezone)
            self._forgotten = forgotten.known(self.settings)
            self.vouched: Integrity = Integrity(self.state, wanted, frozenset(changed))

    def next(
        self, wanted: frozenset[str], written: WriteDispositions, schema: Schema, *, is_sample: bool = False
    ) -> Iterator[Batch]:
        """Yield the rows of the load that runs now, for the ``wanted`` tables of its ``schema``.

        Before, :meth:`look`. Of a sample only some may be taken, page by page: no state moves.
        """
        plan, begun = self._go_on(wanted, written)
        self.vouched.have_made_again(schema)
        part = self._part(plan, begun)
        rejects = plan.catalog.rejects
        if is_sample:
            for batch in part.batches():
                self.state.note_fields(rejects.bounds.fields.known)
                yield unproved(batch)
            return
        for batch in batched(part.batches()):
            # With the rows, for who takes only some of them must find these columns again.
            self.state.note_fields(rejects.bounds.fields.known)
            yield batch
        if (rejected := rejects.drain(plan.now)) is not None and (
            rejected := not_held(rejected, REJECTED_ROWS)
        ).num_rows:
            self.vouched.note_handed({REJECTED_ROWS.name: rejected})
            yield {REJECTED_ROWS.name: rejected}
        yield from ({SEEN_KEYS.name: rows} for rows in part.kept() if rows.num_rows)
        part.end()
        rejects.warn()

    def _go_on(self, wanted: frozenset[str], written: WriteDispositions) -> tuple[Plan, Checkpoint]:
        before, settings = self.state.pending(), self.settings
        if before and self._walk and self._waits(wanted):
            self._walk.pending.swept = before.swept
            return self._walk.plan, self._walk.pending
        task, masks = self._task(wanted), Masks.of(settings).forgetting(self._forgotten)
        if found_gone := self.vouched.forget():
            before = None
        # A field may be personal: with the table of values go those of records that are set aside.
        without = () if CONTACT_PROFILE_VALUES.name in wanted else (CONTACT_PROFILE_VALUES.name, VALUES_FIELD)
        bounds = Bounds.of(settings, self.state.fields())
        rejects = Rejects(masks.record if masks else None, without, bounds)
        catalog = Catalog(client_of(settings), settings, rejects, masks, known=self.state.places())
        finalize(catalog, catalog.client.close)
        run_record.asks(catalog.client)
        # A pull that began later than now was told so by a clock that was ahead: what happened since may be missing.
        goes_on = before and before.task == task and before.began - catalog.now < CLOCKS_DIFFER
        anew = Checkpoint(catalog.now.isoformat(), task, settings.full, sorted(catalog.known))
        begun = before if before and goes_on else anew
        if begun is anew:
            given_up = self.state.pending()
            anew.given_up = sorted(
                {*self.state.left_over(), *([*given_up.given_up, given_up.task] if given_up else ())}
            )
            anew.loads_before = [*given_up.loads_before, *given_up.loads] if given_up else []
            anew.doubted = sorted(self.vouched.short)
        self.vouched.goes_on(begun.handed)
        if found_gone:
            begun.found_gone, begun.asks_again = found_gone, self.vouched.asks_again
        catalog.load(wanted)
        self._walk = Walk(
            Plan(catalog, self.state, wanted, begun.began, written.keeps_the_stop, begun.asks_again), begun
        )
        self._steps = self._walk.steps()
        return self._walk.plan, begun

    def _task(self, wanted: frozenset[str]) -> str:
        return task_of(wanted=sorted(wanted), **{name: getattr(self.settings, name) for name in TASK})

    def _waits(self, wanted: frozenset[str]) -> bool:
        """Whether a walk of this process goes on with what the last load's state says."""
        before, walk = self.state.pending(), self._walk
        if walk is None or before is None:
            return False
        return (before.task, before.loads) == (self._task(wanted), walk.pending.loads)

    def _part(self, plan: Plan, begun: Checkpoint) -> Sweep | _Some:
        """What this load takes. If anything fails on the way, the next load begins with what the state says."""
        walk, steps = self._walk, self._steps
        if walk is None or steps is None:
            raise RuntimeError("there is no walk to go on with")
        if begun.swept is not None:
            return Sweep(plan, begun, walk.rows)
        self._walk = self._steps = None

        def go_on() -> None:
            self._walk, self._steps = walk, steps

        return _Some(walk, steps, self.vouched, go_on)


class _Some:
    """Some steps of a walk: as many as fill a load."""

    def __init__(self, walk: Walk, steps: Iterator[Step], vouched: Integrity, go_on: Callable[[], None]) -> None:
        """``go_on`` is called when the rows of a load were taken that is not the walk's last."""
        self._walk, self._steps, self._vouched, self._go_on = walk, steps, vouched, go_on
        self._is_last = False
        self._has_values = False
        """Whether profile values are among the rows."""

    def batches(self) -> Iterator[Batch]:
        """Yield rows until the load is full, or the walk is at its end."""
        walk, most, work = self._walk, self._walk.settings.chunk_rows, 0
        for step in self._steps:
            # Another process reads the last days again: if that filled its load, it would never get further.
            work += step.work if step.counts or not walk.goes_on else 0
            if step.batch:
                self._vouched.note_handed(step.batch)
                values = step.batch.get(CONTACT_PROFILE_VALUES.name)
                self._has_values |= values is not None and values.num_rows > 0
                yield step.batch
            if step.settles:
                walk.rows.once.settle()
            if step.unit is not None:
                walk.pending.positions[place_of(step.unit)] = step.position
            # Before what was handed over counts as seen, another process would have to do it once more.
            if most and work >= most and step.settles:
                return
        self._is_last = True

    def kept(self) -> Iterator[pa.Table]:
        """Rows of ``seen_keys``; with the first of them, those that take away what earlier pulls have left."""
        walk = self._walk
        if not self._is_last or walk.settings.full:
            yield walk.kept()
        if not walk.pending.loads:
            yield from seen_keys.emptied(walk.pending.given_up)

    def end(self) -> None:
        """All rows were taken: move the state that vouches for them."""
        walk = self._walk
        if self._has_values and CONTACTS.name not in walk.plan.wanted:
            walk.plan.state.note_values_apart(load_id())
        walk.pending.handed = self._vouched.save(walk.rows.contacts_handed())
        if not self._is_last:
            walk.save()
            self._go_on()
            return
        walk.advance()
        if walk.settings.full:
            walk.pending.swept = sorted(walk.plan.streams.keys() - walk.plan.catalog.failures.errors.keys())
            walk.pending.positions = {}
            walk.save()
            self._go_on()
        else:
            walk.plan.state.end(walk.pending)
