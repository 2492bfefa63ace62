# SPDX-License-Identifier: Apache-2.0
"""Event subscriptions of one BMC."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from ironic_passthru.drivers.redfish import allowable
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource


@dataclasses.dataclass(frozen=True)
class Subscription:
    """A wanted subscription.

    :param destination: URL without credentials.
    :param event_types: values of EventTypes, which is deprecated since
        EventDestination 1.5 (2019).
    :param registry_prefixes: prefixes of message registries.
    """

    destination: str = dataclasses.field(repr=False)
    context: str = ''
    event_types: Sequence[str] = ()
    registry_prefixes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """Return the body of the request that creates it."""
        document: dict[str, Any] = {
            'Destination': self.destination,
            'Protocol': 'Redfish',
            'Context': self.context,
        }
        if self.event_types:
            document['EventTypes'] = list(self.event_types)
        if self.registry_prefixes:
            document['RegistryPrefixes'] = list(self.registry_prefixes)
        return document


class SubscriptionReader:
    """Reads and changes the subscriptions of one BMC.

    :raises: from every method the exceptions of :mod:`failures`.
    """

    def __init__(self, machine: bmc.Bmc) -> None:
        self._client = machine.client
        self._reader = partial_reader.PartialReader(machine.client)
        self._service = self._client.follow(
            self._client.root(), 'EventService'
        )
        self._collection = self._client.follow(self._service, 'Subscriptions')

    def item(self) -> failures.Item:
        """Return the item of the target with all subscriptions."""
        found = [_item(each) for each in self._members()]
        self._reader.check(found=bool(found) or not self._reader.warnings)
        return {
            'reachable': True,
            'subscriptions': found,
            'warnings': self._reader.warnings,
        }

    def ensure(self, wanted: Subscription) -> failures.Item:
        """Create a subscription unless its destination and context exist."""
        for each in self._all():
            if (
                each.value('Destination') == wanted.destination
                and (each.value('Context') or '') == wanted.context
            ):
                return {
                    'reachable': True,
                    'changed': False,
                    'subscription': _item(each),
                }
        self._check(wanted)
        created = self._client.post(self._collection.path, wanted.document())
        if self._client.dry_run:
            return {'reachable': True}
        return {
            'reachable': True,
            'changed': True,
            'subscription': self._created(created, wanted),
        }

    def delete(
        self, identity: str | None, destination: str | None
    ) -> failures.Item:
        """Delete the subscriptions with an Id or a destination.

        After an error, the item contains both the error and the Ids that had
        been deleted before.
        """
        deleted: list[str] = []
        error: failures.BmcError | None = None
        try:
            for each in self._all():
                if _is_wanted(each, identity, destination):
                    self._client.delete(each.path)
                    deleted.append(each.identity)
        except failures.BmcError as exc:
            error = exc
        item = partial_reader.item_of_changes(error, deleted)
        return item | {'deleted': deleted}

    def _members(self) -> Iterator[resource.Resource]:
        return self._reader.members(self._collection)

    def _all(self) -> list[resource.Resource]:
        """Return all subscriptions.

        :raises: the first error: the wanted one could be among those that
            cannot be read.
        """
        found = list(self._members())
        self._reader.check(found=not self._reader.warnings)
        return found

    def _check(self, wanted: Subscription) -> None:
        """Check the values against those that the BMC lists.

        :raises: ValueNotAllowed.
        """
        service = self._service
        for value in wanted.event_types:
            allowed = service.texts('EventTypesForSubscription')
            allowable.check('event_types', value, allowed)
        for value in wanted.registry_prefixes:
            allowed = service.texts('RegistryPrefixes')
            allowable.check('registry_prefixes', value, allowed)

    def _created(
        self, response: resource.Resource, wanted: Subscription
    ) -> failures.Item:
        """Return the item of a new subscription.

        The response may be empty and has its path in ``Location``.
        """
        path = response.headers.get('Location') or response.link()
        found = path and partial_reader.read_back(self._client, path)
        return _item(found or resource.Resource(path or '', wanted.document()))


def _is_wanted(
    subscription: resource.Resource,
    identity: str | None,
    destination: str | None,
) -> bool:
    if identity is not None:
        return subscription.identity == identity
    url = subscription.value('Destination')
    return destination in (url, resource.printable_url(url))


def _item(subscription: resource.Resource) -> failures.Item:
    return {
        'id': subscription.identity or None,
        'destination': resource.printable_url(
            subscription.value('Destination')
        ),
        'context': subscription.text('Context'),
        'protocol': subscription.text('Protocol'),
        'event_types': subscription.texts('EventTypes'),
        'registry_prefixes': subscription.texts('RegistryPrefixes'),
        'state': subscription.text('Status', 'State'),
    }
