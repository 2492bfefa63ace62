# SPDX-License-Identifier: Apache-2.0
"""Clients and conductors encode and decode the same messages."""

import json
import time
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.drivers import base as drivers
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base


class TestServer(base.TestCase):
    def test_each_run_has_its_own_queue(self) -> None:
        first = protocol.ConductorAddress('host', 'one')
        second = protocol.ConductorAddress('host', 'two')
        self.assertEqual('host.one', first.name)
        self.assertNotEqual(first.name, second.name)
        self.assertEqual(first, protocol.ConductorAddress(*['host', 'one']))


class TestCallRequest(base.TestCase):
    ARGUMENTS: dict[str, Any] = {
        'driver_name': 'fake',
        'driver_method': 'no_op',
        'http_method': 'POST',
        'info': {},
    }
    FENCE: dict[str, Any] = {
        'call_id': 'id-1',
        'incarnation': 'run',
        'deadline': 1.5e9,
    }

    def refused(self, *, fenced: bool = False, **change: Any) -> str:
        arguments = {**self.ARGUMENTS, **change}
        error = self.assertRaises(
            errors.RequestError,
            protocol.CallRequest.from_bus,
            {name: v for name, v in arguments.items() if v is not ...},
            fenced=fenced,
        )
        self.assertEqual(400, error.status)
        return error.message

    def test_the_json_form_has_no_unset_arguments(self) -> None:
        request = protocol.CallRequest(**self.ARGUMENTS, call_id='id-1')
        self.assertEqual(
            {**self.ARGUMENTS, 'call_id': 'id-1'}, request.to_bus()
        )

    def test_every_argument_survives_json(self) -> None:
        minimal = protocol.CallRequest.from_bus(self.ARGUMENTS)
        complete = protocol.CallRequest(
            **self.ARGUMENTS,
            **self.FENCE,
            respond_async=True,
            key=operation.Key('a' * 64, 'b' * 64),
        )
        for request in (minimal, complete):
            values = json.loads(json.dumps(request.to_bus()))
            self.assertEqual(request, protocol.CallRequest.from_bus(values))

    def test_null_means_unset(self) -> None:
        request = protocol.CallRequest.from_bus(
            {**self.ARGUMENTS, **dict.fromkeys(self.FENCE), 'key': None}
        )
        self.assertEqual(36, len(request.call_id))
        self.assertFalse(request.expired)

    def test_invalid_arguments(self) -> None:
        key = {'digest': 'a' * 64, 'fingerprint': 'b' * 64}
        for change, reason in (
            ({'driver_name': ...}, 'missing arguments: driver_name'),
            ({'info': None}, 'missing arguments: info'),
            ({'unknown': 1}, 'unknown arguments; allowed: driver_name, '),
            ({'info': [1]}, 'info must not be of type list'),
            ({'driver_name': ['fake']}, 'driver_name must not be of type'),
            ({'driver_method': {}}, 'driver_method must not'),
            ({'http_method': 7}, 'http_method must not'),
            ({'call_id': [1]}, 'call_id must not'),
            ({'call_id': ''}, 'call_id must be 1 to 64'),
            ({'call_id': 'x' * 65}, 'call_id must be'),
            ({'call_id': 'ä'}, 'call_id must be'),
            ({'call_id': 'a\n'}, 'call_id must be'),
            ({'deadline': 'soon'}, 'deadline must not'),
            ({'deadline': float('nan')}, 'deadline must be'),
            ({'deadline': float('inf')}, 'deadline must be'),
            ({'deadline': 10**400}, 'deadline must be'),
            ({'deadline': time.time() + 32 * 86400}, 'deadline must be'),
            ({'respond_async': None}, 'respond_async must not'),
            ({'respond_async': 1}, 'respond_async must not'),
            ({'key': 'k'}, 'key must not'),
            ({'key': {}}, 'key must contain digest and fingerprint'),
            ({'key': {**key, 'more': 'c' * 64}}, 'key must contain'),
            ({'key': {**key, 'digest': 'a' * 63}}, 'key must contain'),
            ({'key': {**key, 'digest': 7}}, 'key must contain'),
        ):
            self.assertIn(reason, self.refused(**change), change)

    def test_a_fence_requires_its_arguments(self) -> None:
        fenced = {**self.ARGUMENTS, **self.FENCE}
        protocol.CallRequest.from_bus(fenced, fenced=True)
        for name in self.FENCE:
            for value in (None, ...):
                change = {**self.FENCE, name: value}
                self.assertIn(
                    f'missing arguments: {name}',
                    self.refused(fenced=True, **change),
                )

    def test_the_limits_are_those_of_other_packages(self) -> None:
        longest = 'x' * models.MAX_CALL_ID_LENGTH
        latest = time.time() + drivers.MAX_TIMEOUT_SECONDS
        protocol.CallRequest.from_bus(
            {**self.ARGUMENTS, 'call_id': longest, 'deadline': latest}
        )
        self.refused(call_id=f'{longest}x')


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

    def test_invalid_attachments(self) -> None:
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

    def transmit(self, context: Any) -> request_context.RequestContext:
        text = json.dumps(self.serializer.serialize_context(context))
        return self.serializer.deserialize_context(json.loads(text))

    def test_contexts_are_rebuilt(self) -> None:
        context = request_context.RequestContext(
            request_id='req-1',
            global_request_id='req-2',
            user_id='u',
            project_id='p',
            roles=['admin', 'reader'],
            system_scope='all',
        )
        self.assertEqual(context.to_dict(), self.transmit(context).to_dict())

    def test_unset_fields_are_omitted(self) -> None:
        context = request_context.RequestContext(request_id='req-1')
        values = self.serializer.serialize_context(context)
        self.assertEqual({'request_id': 'req-1'}, values)

    def test_other_services_send_mappings(self) -> None:
        sent = {'request_id': 'req-3', 'user': 'u'}
        context = self.transmit(sent)
        self.assertEqual('req-3', context.request_id)
        self.assertEqual('u', context.user_id)
        self.assertTrue(self.transmit({}).request_id)

    def test_a_mapping_is_not_shared(self) -> None:
        sent = {'request_id': 'req-3'}
        self.assertIsNot(sent, self.serializer.serialize_context(sent))
