# SPDX-License-Identifier: Apache-2.0
"""Drivers of a vendor, which tests show on pages."""

from typing import Annotated
from typing import Any

import pydantic

from ironic_passthru.drivers import base


class Common(base.VendorInterface):
    @base.driver_passthru(['GET'], async_call=False)
    def inherited(self) -> None:
        """Do what all drivers of Acme do."""


class AcmeVendor(Common):
    """Rack controllers of **Acme**.

    They have wheels.
    """

    def start(self, conf: Any) -> None:
        raise AssertionError('a page must not start a driver')

    def get_properties(self) -> dict[str, str]:
        """Return the properties."""
        return {'acme_rack': 'Name of the rack, see ``acme_user``.'}

    @base.driver_passthru(
        ['PUT', 'DELETE'],
        async_call=False,
        timeout=90,
        target='rack',
        dangerous=True,
        secret='ticket',
    )
    def set_tag(
        self, context: Any, rack: str, tag: str = 'x'
    ) -> dict[str, str]:
        """Write the tag of one rack.

        It is *printed* at once.

        :param context: of the call.
        :param rack: name of the ``rack``.
        :param str tag: what to print.
        :type tag: str
        :returns: the ticket of the print.
        :raises Jam: if the printer is jammed.
        :see: the manual
        """
        return {'ticket': 'secret'}

    @base.driver_passthru(
        ['POST'], description='Fetch * everything, see --force.'
    )
    def collect(self, **kwargs: Any) -> None:
        """Collect.

        :param kwargs: what to collect.
        """

    @base.driver_passthru(['GET'], attach=True, secret='return')
    def a_file(self) -> bytes:
        return b''


class Broken(base.VendorInterface):
    def __init__(self) -> None:
        raise SystemExit('no\nlibrary')


class BuiltIn(Common, dict):  # type: ignore[type-arg]
    """A part of it is written in C."""


class NoSchema(base.VendorInterface):
    @base.driver_passthru(['GET'])
    def pair(
        self,
        # The form of a tuple in older versions of JSON Schema.
        values: Annotated[
            list[Any], pydantic.WithJsonSchema({'items': [True, False]})
        ],
    ) -> None: ...


class BadText(base.VendorInterface):
    @base.driver_passthru(['GET'])
    def emphatic(self) -> None:
        """An *open emphasis."""
