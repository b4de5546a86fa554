"""Dataset and Record: the table as arrays, and one row of it."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from progressfit import _x64 as _x64
from progressfit.features import decimal_year
from progressfit.frame import Roles, TableError, validate

if TYPE_CHECKING:
    import pandas as pd


Levels = tuple[tuple[str, tuple[str, ...]], ...]
"""Names of the levels of each group, in the order of their codes."""


class Record(eqx.Module):
    """What is known of one trained model (or, with a leading axis everywhere, of several).

    ``record["compute"]`` is an input in natural units; ``record.date("compute efficiency")`` is the decimal year
    that counts for one named channel of progress. All channels share the row's date until an analysis moves one.

    Attributes
    ----------
    columns, codes, clocks
        Inputs and ``date``; integer codes of groups; dates of channels that were moved.
    levels
        Names behind the codes, group by group, as far as known.
    readable
        Channels that may be read, if only some may.
    """

    columns: dict[str, Any]
    codes: dict[str, Any]
    clocks: dict[str, Any]
    levels: Levels = eqx.field(static=True, default=())
    readable: tuple[str, ...] | None = eqx.field(static=True, default=None)

    @staticmethod
    def of(date: Any = None, **columns: Any) -> "Record":
        """Build a record from numbers: a date (ISO string or decimal year) and named inputs in natural units.

        Scalars give one row; arrays of one common length give several.
        """
        numbers = dict(columns)
        if date is not None:
            dates = [decimal_year(d) for d in np.ravel(np.asarray(date, dtype=object))]
            numbers["date"] = np.reshape(np.asarray(dates, np.float64), np.shape(date))
        shape = np.broadcast_shapes(*(np.shape(v) for v in numbers.values()))
        return Record(
            {name: np.broadcast_to(np.asarray(v, np.float64), shape) for name, v in numbers.items()},
            codes={},
            clocks={},
        )

    def __getitem__(self, name: str) -> Any:
        if name == "date":
            raise ValueError(
                "read dates through a named channel, record.date('algorithms'), so that growth rates and attribution "
                "can move this place where time enters"
            )
        return self._column(name)

    def _column(self, name: str) -> Any:
        if name not in self.columns:
            have = ", ".join(self.columns) or "none"
            raise ValueError(f"the law reads the column '{name}', which the data do not have (they have: {have})")
        return self.columns[name]

    def date(self, channel: str) -> Any:
        """Decimal year for one channel of progress."""
        if self.readable is not None and channel not in self.readable:
            raise ValueError(
                f"the function reads the channel '{channel}' without declaring it, so no analysis could move it; write "
                f"Function(fn, channels=('{channel}',), ...)"
            )
        return self.clocks[channel] if channel in self.clocks else self._column("date")

    def code(self, group: str, levels: tuple[str, ...] = ()) -> Any:
        """Integer code of the row's level in a group, whose levels are expected to be ``levels`` if these are given."""
        if group not in self.codes:
            have = ", ".join(self.codes) or "none"
            raise ValueError(
                f"the law reads the group '{group}', which this record does not have (it has: {have}); "
                f"make the record with data.record(..., {group}=LEVEL)"
            )
        own = dict(self.levels).get(group, levels)
        if levels and own != levels:
            raise ValueError(
                f"the levels of the group '{group}' are {', '.join(own)} here, but {', '.join(levels)} in the fitted "
                "table, so codes would be misread; make records with fitted_table.record(...)"
            )
        return self.codes[group]

    def replace(self, **columns: Any) -> "Record":
        """The same record with some columns (also ``date``) changed."""
        return Record({**self.columns, **columns}, self.codes, self.clocks, self.levels, self.readable)

    def with_clocks(self, clocks: Mapping[str, Any]) -> "Record":
        """The same record with the dates of some channels moved."""
        return Record(self.columns, self.codes, {**self.clocks, **clocks}, self.levels, self.readable)

    def with_codes(self, codes: Mapping[str, Any]) -> "Record":
        """The same record with the levels of some groups changed, given by code."""
        return Record(self.columns, {**self.codes, **codes}, self.clocks, self.levels, self.readable)

    def restricted(self, readable: tuple[str, ...]) -> "Record":
        """The same record, of which only some channels may be read."""
        return Record(self.columns, self.codes, self.clocks, self.levels, readable)

    def row(self, index: Any) -> "Record":
        """One row of a record with a leading axis."""
        return jax.tree.map(lambda column: column[index], self)


@dataclasses.dataclass(frozen=True)
class Labels:
    """Names that travel with a data set and take no part in the arithmetic."""

    response: str = "response"
    rows: tuple[str, ...] = ()
    levels: Levels = ()


class Dataset(eqx.Module):
    """An immutable table: named columns, group codes, the response and a cluster for each row.

    Attributes
    ----------
    records
        Columns of shape ``(n,)``: inputs in natural units, ``date`` in decimal years, integer group codes.
    response
        Measured performance, shape ``(n,)``, in its own units (fractions for accuracies).
    clusters
        Integer code of the row's cluster (its paper, say), shape ``(n,)``; every row its own where none is given.
    labels
        Row names and group levels.
    """

    records: Record
    response: Any
    clusters: Any
    labels: Labels = eqx.field(static=True, default=Labels())

    @staticmethod
    def from_frame(
        frame: "pd.DataFrame",
        response: str,
        inputs: Mapping[str, str] | None = None,
        *,
        covariates: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
        date: str | None = None,
        groups: Mapping[str, str] | None = None,
        cluster: str | None = None,
        label: str | None = None,
    ) -> "Dataset":
        """Validate a data frame and turn it into a data set; the only way in from pandas.

        Parameters
        ----------
        frame
            One row per trained model.
        response
            Column of measured performance; fractions for accuracies and errors.
        inputs
            Name in the law -> column, for positive quantities in natural units (FLOP, images, tokens, parameters).
        covariates
            Name in the law -> column, for other finite numbers, of any sign.
        errors
            Name in the noise -> column, for known standard errors on the link scale, zero or positive; they are used
            where the noise says so (``noise.WithKnownError``).
        date
            Column of ISO dates, datetimes or decimal years.
        groups
            Name in the law -> column of categories (an architecture, a benchmark).
        cluster
            Column of categories whose rows are not independent, such as the paper, for the cluster bootstrap.
        label
            Column that names each row.

        Raises
        ------
        TableError
            If a column is absent, repeated or has missing, non-numeric, non-positive (for inputs), negative (for
            errors) or undated values,
            or if there are fewer than two rows.
        """
        roles = Roles(response, inputs or {}, covariates or {}, date, groups or {}, cluster, label, errors or {})
        table = validate(frame, roles)
        labels = Labels(response, table.rows, tuple(table.levels.items()))
        return Dataset(Record(table.numbers, table.codes, {}, labels.levels), table.response, table.clusters, labels)

    def __len__(self) -> int:
        return int(np.shape(self.response)[0])

    def levels(self, group: str) -> tuple[str, ...]:
        """Names of the levels of a group, in the order of their codes."""
        found = dict(self.labels.levels)
        if group not in found:
            raise ValueError(
                f"the data have no group '{group}' (they have: {', '.join(found) or 'none'}); "
                f"name its column with Dataset.from_frame(groups={{'{group}': COLUMN}})"
            )
        return found[group]

    def record(self, **changes: Any) -> Record:
        """One record for predictions: ``date``, inputs, and group levels by name."""
        levels = dict(self.labels.levels)
        picked = {name: changes.pop(name) for name in list(changes) if name in levels}
        record = Record.of(**changes)
        unknown = [(g, v) for g, v in picked.items() if v not in levels[g]]
        if unknown:
            group, value = unknown[0]
            raise ValueError(f"the group '{group}' has no level '{value}'; it has: {', '.join(levels[group])}")
        shape = np.shape(next(iter(record.columns.values()), 0.0))
        codes = {g: np.broadcast_to(np.int64(levels[g].index(v)), shape) for g, v in picked.items()}
        return Record(record.columns, codes, {}, self.labels.levels)

    @property
    def row_names(self) -> tuple[str, ...]:
        """Names of the rows, or their numbers where they have none, ``n`` of them."""
        return self.labels.rows or tuple(f"row {i}" for i in range(len(self)))

    def take(self, rows: Any) -> "Dataset":
        """The data set of some rows: positions or a boolean mask, shape ``(n,)``."""
        index = np.arange(len(self))[np.asarray(rows)]
        if len(index) == 0:
            raise TableError("No rows are left after the selection. Relax the filter.")
        names = tuple(self.labels.rows[i] for i in index) if self.labels.rows else ()
        records, response, clusters = jax.tree.map(
            lambda column: column[index], (self.records, self.response, self.clusters)
        )
        return Dataset(records, response, clusters, dataclasses.replace(self.labels, rows=names))

    def with_response(self, response: Any) -> "Dataset":
        """The same data set with another response, shape ``(n,)`` (for simulated tables)."""
        return Dataset(self.records, response, self.clusters, self.labels)

    def digest(self) -> str:
        """A short fingerprint of all numbers of the table: equal tables, equal digest."""
        found = hashlib.blake2b(digest_size=8)
        for leaf in jax.tree.leaves(self.bare()):
            found.update(np.ascontiguousarray(np.asarray(leaf)).tobytes())
        return found.hexdigest()

    def bare(self) -> "Dataset":
        """The arrays alone, in float64, without labels: what compiled programs are keyed by."""
        records = Record(
            {name: jnp.asarray(v, jnp.float64) for name, v in self.records.columns.items()},
            {name: jnp.asarray(v, jnp.int64) for name, v in self.records.codes.items()},
            {name: jnp.asarray(v, jnp.float64) for name, v in self.records.clocks.items()},
        )
        return Dataset(records, jnp.asarray(self.response, jnp.float64), jnp.asarray(self.clusters, jnp.int64))
