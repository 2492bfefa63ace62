# SPDX-License-Identifier: Apache-2.0
"""Methods for the event subscriptions of BMCs."""

from typing import Annotated
from typing import Any
from typing import Unpack

import pydantic
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import allowable
from ironic_passthru.drivers.redfish import event_subscription
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_Text = Annotated[str, pydantic.Field(min_length=1, max_length=255)]
_Url = Annotated[str, pydantic.Field(min_length=1, max_length=2000)]
_Texts = Annotated[list[_Text], pydantic.Field(min_length=1, max_length=100)]


class SubscriptionOptions(selection.FleetOptions, total=False):
    """Parameters of a subscription besides its destination."""

    event_context: Annotated[
        Annotated[str, pydantic.Field(max_length=255)],
        pydantic.Field(
            description='Text that the BMC sends with each event; empty by '
            'default.'
        ),
    ]
    event_types: Annotated[
        _Texts | None,
        pydantic.Field(
            description='Types of events, such as Alert, for BMCs without '
            'registry_prefixes; by default all that the BMC sends.'
        ),
    ]
    registry_prefixes: Annotated[
        _Texts | None,
        pydantic.Field(
            description='Message registries of the events; by default all.'
        ),
    ]


class EventSubscription(TypedDict):
    """An event subscription."""

    id: str | None
    destination: str | None
    """URL without credentials and query."""
    context: str | None
    """Text that the BMC sends with each event."""
    protocol: str | None
    event_types: list[str]
    registry_prefixes: list[str]
    state: str | None


class SubscriptionsItem(results.PartialItem):
    """The event subscriptions of a BMC."""

    subscriptions: list[EventSubscription]


class EnsuredSubscriptionItem(results.ChangedItem):
    """The wanted subscription."""

    subscription: EventSubscription


class DeletedSubscriptionsItem(results.ChangedItem):
    """The deleted subscriptions."""

    deleted: list[str]
    """Ids of the subscriptions."""


class SubscriptionMethods(fleet.FleetMethods):
    """The methods for event subscriptions."""

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        """Check, in addition, destinations.

        :raises: MissingParameterValue, InvalidParameterValue
        """
        super().driver_validate(method, **kwargs)
        destination = kwargs.get('destination')
        if (
            method == 'ensure_subscription'
            and destination is not None
            and not allowable.is_url(destination, ('http', 'https'))
        ):
            raise errors.InvalidParameterValue(
                'destination must be a URL with https:// or http://, without '
                'user name and password'
            )
        if method == 'delete_subscription':
            given = (kwargs.get('subscription'), destination)
            if sum(value is not None for value in given) != 1:
                raise errors.InvalidParameterValue(
                    'delete_subscription needs one of: subscription, '
                    'destination'
                )

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def subscriptions(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[SubscriptionsItem]:
        """Return the event subscriptions of BMCs.

        Destinations are shown without credentials and query.
        """
        return self._each(
            context,
            options,
            lambda machine: event_subscription.SubscriptionReader(
                machine
            ).item(),
        )

    @base.driver_passthru(['PUT'], async_call=False, target=selection.NAMES)
    def ensure_subscription(
        self,
        context: request_context.RequestContext,
        *,
        destination: _Url,
        **options: Unpack[SubscriptionOptions],
    ) -> results.ChangeResult[EnsuredSubscriptionItem]:
        """Subscribe to events of BMCs unless the subscription exists."""
        wanted = event_subscription.Subscription(
            destination,
            options.get('event_context', ''),
            options.get('event_types') or (),
            options.get('registry_prefixes') or (),
        )
        return self._each(
            context,
            options,
            lambda machine: event_subscription.SubscriptionReader(
                machine
            ).ensure(wanted),
            change=True,
        )

    @base.driver_passthru(['DELETE'], async_call=False, target=selection.NAMES)
    def delete_subscription(
        self,
        context: request_context.RequestContext,
        *,
        subscription: _Text | None = None,
        destination: _Url | None = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[DeletedSubscriptionsItem]:
        """Delete event subscriptions by id or destination."""
        return self._each(
            context,
            options,
            lambda machine: event_subscription.SubscriptionReader(
                machine
            ).delete(subscription, destination),
            change=True,
        )
