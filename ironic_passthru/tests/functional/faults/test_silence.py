# SPDX-License-Identifier: Apache-2.0
"""Open connections to the broker that carry no more data."""

from ironic_passthru import errors
from ironic_passthru.rpc import client
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import proxy

_SILENCE_SECONDS = 2


class TestSilence(base.TestCase):
    """Packets that are dropped silently, as by some firewalls."""

    def test_a_connection_to_send_by_is_replaced(self) -> None:
        broker = self.useFixture(servers.RabbitMQ())
        between = self.useFixture(proxy.Proxy(broker.port))
        conf = self.make_conf()
        bus = transport.make(conf, broker.make_url([between.port]))
        conf.set_override(
            'heartbeat_timeout_threshold',
            _SILENCE_SECONDS,
            group='oslo_messaging_rabbit',
        )
        self.addCleanup(bus.cleanup)
        api = client.ConductorAPI(bus)
        self.assertTrue(self.answers(api))
        between.drop([proxy.Way.DOWN])
        self.wait_for(
            lambda: not self.answers(api), 'the silence is noticed', seconds=30
        )
        between.recover()
        # A silent connection stays silent until the client closes it.
        self.wait_for(
            lambda: self.answers(api), 'there is a new one', seconds=30
        )

    def answers(self, api: client.ConductorAPI) -> bool:
        """Return whether the bus check passes now."""
        try:
            api.check()
        except errors.BusUnavailable:
            return False
        return True
