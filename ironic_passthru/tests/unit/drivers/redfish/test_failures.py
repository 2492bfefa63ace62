# SPDX-License-Identifier: Apache-2.0
"""Errors of a BMC as items of its target."""

import sushy
from sushy import exceptions as sushy_exceptions

from ironic_passthru.drivers.redfish import connector
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base


def _http_error(status: int) -> Exception:
    answer = connector.BmcResponse(
        status, {}, b'{"error": {"message": "secret"}}'
    )
    try:
        sushy_exceptions.raise_for_response('GET', '/secret', answer)
    except sushy.exceptions.HTTPError as exc:
        return exc
    raise AssertionError(status)


class ClassifyTest(base.TestCase):
    """Every failure has a code and a fixed message."""

    def test_table(self) -> None:
        missing = sushy_exceptions.MissingAttributeError(
            attribute='secret', resource='secret'
        )
        for exc, code, reachable in (
            (failures.NotConnected(), 'unreachable', False),
            (failures.Untrusted(), 'untrusted', False),
            (failures.NoAnswer(), 'timeout', False),
            (failures.Cut(), 'connection_lost', False),
            (failures.ChangeOutcomeUnknown(), 'outcome_unknown', False),
            (failures.Redirected(), 'redirected', True),
            (failures.NoSuchSystem(), 'system_not_found', True),
            (failures.NoSuchDevice(), 'device_not_found', True),
            (failures.BadAnswer(), 'bad_answer', True),
            (_http_error(401), 'access_denied', True),
            (_http_error(403), 'access_denied', True),
            (_http_error(404), 'not_found', True),
            (_http_error(400), 'refused', True),
            (_http_error(406), 'refused', True),
            (_http_error(412), 'refused', True),
            (_http_error(500), 'bmc_error', True),
            (_http_error(503), 'bmc_error', True),
            (missing, 'not_supported', True),
            (AttributeError('secret'), 'bad_answer', True),
            (RecursionError('secret'), 'bad_answer', True),
        ):
            item = failures.classify(exc).item()
            self.assertEqual(code, item['error']['code'])
            self.assertIs(reachable, item['reachable'])
            self.assertNotIn('secret', item['error']['message'])
