# SPDX-License-Identifier: Apache-2.0
"""What one end of the bus writes the other one reads."""

import json
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base


class TestServer(base.TestCase):
    def test_each_run_has_a_queue_of_its_own(self) -> None:
        first = protocol.ConductorAddress('host', 'one')
        second = protocol.ConductorAddress('host', 'two')
        self.assertEqual('host.one', first.name)
        self.assertNotEqual(first.name, second.name)
        self.assertEqual(first, protocol.ConductorAddress(*['host', 'one']))


class TestAttached(base.TestCase):
    def test_every_byte_survives_json(self) -> None:
        for data in (b'', b'\x00\xff', bytes(range(256)) * 10):
            for filename in (None, 'ü.bin'):
                attached = protocol.Attached(
                    data=data, media_type='a/b', filename=filename
                )
                text = json.dumps(attached.to_bus())
                self.assertEqual(
                    attached, protocol.Attached.from_bus(json.loads(text))
                )

    def test_what_is_no_attachment(self) -> None:
        good = {'data': 'YQ==', 'media_type': 'a/b', 'filename': None}
        self.assertEqual(b'a', protocol.Attached.from_bus(good).data)
        for odd in (
            None,
            [],
            'text',
            {},
            {**good, 'data': 7},
            {**good, 'data': 'ä'},
            {**good, 'data': 'YQ'},
            {**good, 'data': 'Y Q='},
            {**good, 'media_type': None},
            {**good, 'media_type': 'a/b\r\nSet-Cookie: c'},
            {**good, 'media_type': 'ä/b'},
            {**good, 'filename': 7},
        ):
            self.assertRaises(
                errors.PassthruError, protocol.Attached.from_bus, odd
            )


class TestContextSerializer(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(request_context.clear_current)
        self.serializer = protocol.ContextSerializer()

    def travel(self, context: Any) -> request_context.RequestContext:
        text = json.dumps(self.serializer.serialize_context(context))
        return self.serializer.deserialize_context(json.loads(text))

    def test_what_a_context_says_arrives(self) -> None:
        context = request_context.RequestContext(
            request_id='req-1',
            global_request_id='req-2',
            user_id='u',
            project_id='p',
            roles=['admin', 'reader'],
            system_scope='all',
        )
        self.assertEqual(context.to_dict(), self.travel(context).to_dict())

    def test_what_it_leaves_open_does_not_travel(self) -> None:
        context = request_context.RequestContext(request_id='req-1')
        values = self.serializer.serialize_context(context)
        self.assertEqual({'request_id': 'req-1'}, values)

    def test_other_services_send_mappings(self) -> None:
        sent = {'request_id': 'req-3', 'user': 'u'}
        context = self.travel(sent)
        self.assertEqual('req-3', context.request_id)
        self.assertEqual('u', context.user_id)
        self.assertTrue(self.travel({}).request_id)

    def test_a_mapping_is_not_shared(self) -> None:
        sent = {'request_id': 'req-3'}
        self.assertIsNot(sent, self.serializer.serialize_context(sent))
