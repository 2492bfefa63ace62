# SPDX-License-Identifier: Apache-2.0
"""Store of the targets that conductors serve."""

from collections.abc import Iterable
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru.db import models
from ironic_passthru.db import session
from ironic_passthru.fleet import target_list

# The default limit of a statement is 16 MiB in MariaDB, 4 MiB in MySQL 5.7.
MAX_DOCUMENT_SIZE = 2 * 1024 * 1024

_KEYS_PER_QUERY = 500

# Targets by driver.
Targets = Mapping[str, target_list.TargetList]

_conductors = models.conductors
_targets = models.conductor_targets


class TargetListStore:
    """Targets of the drivers of conductors; threads may share an object.

    All methods raise ``RegistryUnavailable`` if the database cannot be used.
    """

    def __init__(self, database: session.Database) -> None:
        self._database = database

    def publish(
        self, hostname: str, incarnation: str, targets: Targets
    ) -> None:
        """Replace the targets of a conductor.

        Nothing changes if the host name belongs to another incarnation.

        :param targets: all targets of the conductor.
        :raises ConfigError: a document is too large.
        """
        check_size(targets)
        own = sa.and_(
            _conductors.c.hostname == hostname,
            _conductors.c.incarnation == incarnation,
        )
        query = sa.select(_conductors.c.id).where(own)
        # A change of the row that a registration changes, too: Galera detects
        # no other conflicts.
        change = sa.update(_conductors).where(own)

        def work(writer: orm.Session) -> None:
            writer.execute(change.values(liveness_at=models.utc_now()))
            conductor_id = writer.scalar(query)
            if conductor_id is not None:
                save(writer, conductor_id, incarnation, targets)

        self._database.write(work)

    def digests(self) -> dict[tuple[str, str], str]:
        """Return the digests of all published lists.

        :returns: digests by host name and driver.
        """
        query = sa.select(
            _conductors.c.hostname, _targets.c.driver, _targets.c.digest
        ).join(
            _conductors,
            sa.and_(
                _conductors.c.id == _targets.c.conductor_id,
                _conductors.c.incarnation == _targets.c.incarnation,
            ),
        )
        with self._database.reader() as reader:
            return {
                (row.hostname, row.driver): row.digest
                for row in reader.execute(query)
            }

    def documents(self, digests: Iterable[str]) -> dict[str, str]:
        """Return the JSON texts of lists; unknown digests are omitted."""
        columns = sa.select(_targets.c.digest, _targets.c.document)
        found: dict[str, str] = {}
        wanted = sorted(set(digests))
        with self._database.reader() as reader:
            for start in range(0, len(wanted), _KEYS_PER_QUERY):
                batch = wanted[start : start + _KEYS_PER_QUERY]
                query = columns.where(_targets.c.digest.in_(batch))
                found.update(tuple(row) for row in reader.execute(query))
        return found


def check_size(targets: Targets) -> None:
    """Reject lists that are too large for the database.

    :raises: ConfigError.
    """
    for driver, each in targets.items():
        if len(each.document) > MAX_DOCUMENT_SIZE:
            raise errors.ConfigError(
                f"names and tags of the targets of driver '{driver}' take "
                f'{len(each.document)} bytes; up to {MAX_DOCUMENT_SIZE} can '
                'be published'
            )


def save(
    writer: orm.Session,
    conductor_id: int,
    incarnation: str,
    targets: Targets,
) -> None:
    """Replace the targets of a conductor; equal documents are kept."""
    table = _targets.c
    own = table.conductor_id == conductor_id
    query = sa.select(table.driver, table.digest).where(own)
    stored = {row.driver: row.digest for row in writer.execute(query)}
    changed = {
        driver: each
        for driver, each in sorted(targets.items())
        if stored.get(driver) != each.digest
    }
    gone = sorted(
        stored.keys() & changed.keys() | stored.keys() - targets.keys()
    )
    if gone:
        writer.execute(sa.delete(_targets).where(own, table.driver.in_(gone)))
    writer.execute(
        sa.update(_targets)
        .where(own, table.incarnation != incarnation)
        .values(incarnation=incarnation)
    )
    for driver, each in changed.items():
        writer.execute(
            sa.insert(_targets).values(
                conductor_id=conductor_id,
                driver=driver,
                incarnation=incarnation,
                digest=each.digest,
                document=each.document,
            )
        )
