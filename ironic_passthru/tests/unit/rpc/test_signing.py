# SPDX-License-Identifier: Apache-2.0
"""A signature matches one message and requires a key."""

import copy
import json
import pathlib
import runpy
from typing import Any

import hypothesis
from hypothesis import strategies

import ironic_passthru
from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.rpc import signing
from ironic_passthru.tests import base

A = 'a' * 32
B = 'b' * 32
C = 'c' * 32

MESSAGE: dict[str, Any] = {
    'context': {'request_id': 'req-1', 'user': 'u', 'roles': ['reader']},
    'server': 'host.run',
    'method': 'driver_vendor_passthru',
    'arguments': {'info': {'slot': 3, 'on': True}, 'deadline': 1.5e9},
}

_DOCS = pathlib.Path(ironic_passthru.__file__).parents[1] / 'doc' / 'source'

_JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | strategies.text(strategies.characters(codec='utf-8')),
    lambda inner: (
        strategies.lists(inner)
        | strategies.dictionaries(strategies.text(), inner)
    ),
    max_leaves=20,
)


def sign(keys: list[str], message: dict[str, Any]) -> dict[str, Any]:
    """Return the message as it arrives."""
    signed = copy.deepcopy(message)
    signed['context'] = signing.Signatures(keys).sign(**signed)
    return json.loads(json.dumps(signed))


def check(keys: list[str], message: dict[str, Any]) -> None:
    rest = dict(message)
    server = rest.pop('server')
    signing.Signatures(keys).check(servers=[server], **rest)


class TestSignatures(base.TestCase):
    def assert_refused(self, message: dict[str, Any], text: str = '') -> None:
        error = self.assertRaises(signing.NotSigned, check, [A], message)
        self.assertIn(text, str(error))

    def test_what_is_signed_is_accepted(self) -> None:
        check([A], sign([A], MESSAGE))

    def test_any_json(self) -> None:
        @hypothesis.settings(deadline=None, max_examples=200)
        @hypothesis.given(strategies.dictionaries(strategies.text(), _JSON))
        def any_json(info: dict[str, Any]) -> None:
            check([A], sign([A], {**MESSAGE, 'arguments': {'info': info}}))

        any_json()

    def test_each_alteration_is_noticed(self) -> None:
        signed = sign([A], MESSAGE)
        fields = signed['context']
        arguments = signed['arguments']
        for change in (
            {'server': 'host.other'},
            {'server': None},
            {'method': 'get_driver_properties'},
            {'context': {**fields, 'user': 'v'}},
            {'context': {**fields, 'roles': ['reader', 'admin']}},
            {'context': {**fields, 'roles': 'reader'}},
            {'context': {**fields, 'system_scope': 'all'}},
            {'context': {**fields, 'request_id': None}},
            {'context': {k: v for k, v in fields.items() if k != 'user'}},
            {'arguments': {}},
            {'arguments': {'info': arguments['info']}},
            {'arguments': {**arguments, 'respond_async': True}},
            {'arguments': {**arguments, 'deadline': 1.6e9}},
            {'arguments': {**arguments, 'info': {'slot': 4, 'on': True}}},
            {'arguments': {**arguments, 'info': {'slot': '3', 'on': True}}},
            {'arguments': {**arguments, 'info': {'slot': 3, 'on': 1}}},
        ):
            self.assert_refused({**signed, **change}, 'not match')

    def test_unknown_fields_are_not_signed(self) -> None:
        # oslo.messaging adds to the context on its way, when tracing calls.
        signed = sign([A], MESSAGE)
        signed['context'] |= {'traceparent': '00-1', 'is_admin': True}
        check([A], signed)
        rebuilt = request_context.RequestContext.from_bus(signed['context'])
        self.addCleanup(request_context.clear_current)
        self.assertFalse(rebuilt.is_admin)

    def test_without_a_usable_signature(self) -> None:
        signed = sign([A], MESSAGE)
        key, mac = signed['context']['signature'].split(':')
        for signature in (None, 7, [], {}, [key, mac], {'key': mac}, True):
            context = {**signed['context'], 'signature': signature}
            self.assert_refused({**signed, 'context': context}, 'not signed')
        for signature in ('', ':', mac, f'x:{mac}', f'\ud800:{mac}'):
            context = {**signed['context'], 'signature': signature}
            self.assert_refused({**signed, 'context': context}, 'unknown')
        for signature in (
            f'{key}:',
            key,
            f'{key}:{mac[:-1]}',
            f'{key}:{mac.upper()}',
            f'{key}:{mac}0',
            f'{key}:ä',
            f'{key}:\ud800',
        ):
            context = {**signed['context'], 'signature': signature}
            self.assert_refused({**signed, 'context': context}, 'not match')
        self.assert_refused(MESSAGE, 'not signed')
        for context in (None, [], 'text', 7):
            self.assert_refused({**signed, 'context': context}, 'not signed')

    def test_the_name_of_a_key_is_not_enough(self) -> None:
        other = sign([C], MESSAGE)
        self.assert_refused(other, 'unknown')
        _, mac = other['context']['signature'].split(':')
        other['context']['signature'] = f'{signing.key_id(A)}:{mac}'
        self.assert_refused(other, 'not match')

    def test_values_that_json_cannot_encode(self) -> None:
        signed = sign([A], MESSAGE)
        deep: Any = []
        for _ in range(100_000):
            deep = [deep]
        self.assert_refused({**signed, 'arguments': {'info': deep}})
        self.assert_refused({**signed, 'arguments': {'info': 10**5000}})

    def test_values_that_have_no_json_form_are_signed_as_they_are_sent(
        self,
    ) -> None:
        arguments = {'info': {'pair': (1, 2)}}
        check([A], sign([A], {**MESSAGE, 'arguments': arguments}))

    def test_keys_that_are_no_text_are_signed_as_they_are_sent(self) -> None:
        for info in (
            {2: 'b', 10: 'a'},
            {2: 'b', 'a': {None: 1, True: 2, 1.5: 3}},
            {1: 'a', '1': 'b'},
        ):
            check([A], sign([A], {**MESSAGE, 'arguments': {'info': info}}))

    def test_arguments_without_a_json_form_are_rejected(self) -> None:
        endless: dict[str, Any] = {}
        endless['a'] = endless
        for info in ({(1, 2): 3}, endless):
            error = self.assertRaises(
                errors.RequestError,
                signing.Signatures([A]).sign,
                {},
                server='host.run',
                method='m',
                arguments={'info': info},
            )
            self.assertIn('no JSON form', error.message)

    def test_rotation_of_keys(self) -> None:
        for sender, receiver, accepted in (
            ([A], [A], True),
            ([A], [A, B], True),
            ([A], [B, A], True),
            ([A, B], [A], True),
            ([B, A], [A, B], True),
            ([B, A], [A], False),
            ([B], [A, B], True),
            ([B], [B], True),
            ([A], [B], False),
            ([A, B], [B], False),
            ([], [A], False),
            ([A], [], True),
            ([], [], True),
        ):
            signed = sign(sender, MESSAGE)
            if accepted:
                check(receiver, signed)
            else:
                self.assertRaises(signing.NotSigned, check, receiver, signed)

    def test_any_of_several_servers(self) -> None:
        signed = sign([A], {**MESSAGE, 'server': None})
        del signed['server']
        keys = signing.Signatures([A])
        keys.check(servers=['host.run', None], **signed)
        self.assertRaises(
            signing.NotSigned, keys.check, servers=['host.run'], **signed
        )

    def test_a_key_that_is_too_short(self) -> None:
        for keys in (['hunter2'], [A, 'hunter2' * 4], ['']):
            error = self.assertRaises(
                errors.ConfigError, signing.Signatures, keys
            )
            self.assertNotIn('hunter2', error.message)
            self.assertIn('signing_keys', error.message)

    def test_without_keys(self) -> None:
        off = signing.Signatures([])
        self.assertFalse(off.required)
        self.assertEqual(
            {'user': 'u'},
            off.sign({'user': 'u'}, server='s', method='m', arguments={}),
        )
        off.check(None, servers=['s'], method='m', arguments={})
        self.assertTrue(signing.Signatures([A]).required)

    def test_no_message_contains_a_key(self) -> None:
        self.assertNotIn(A, json.dumps(sign([A], MESSAGE)))


class TestProofs(base.TestCase):
    """A proof that a message was not run requires its key."""

    def setUp(self) -> None:
        super().setUp()
        self.signed = sign([A], MESSAGE)['context']

    def test_each_receiver_can_prove(self) -> None:
        for keys in ([A], [A, B], [B, A]):
            proof = signing.Signatures(keys).prove(self.signed)
            self.assertTrue(
                signing.Signatures([A]).is_proven(self.signed, proof)
            )

    def test_invalid_proofs(self) -> None:
        signatures = signing.Signatures([A, B])
        proof = signatures.prove(self.signed)
        assert proof is not None
        other = sign([A], {**MESSAGE, 'server': 'host.other'})['context']
        again = sign([B], MESSAGE)['context']
        for no_proof in (
            None,
            '',
            7,
            [proof],
            {'proof': proof},
            proof[:-1],
            proof.upper(),
            f'{proof}0',
            '\ud800',
            self.signed['signature'],
            self.signed['signature'].partition(':')[2],
            signatures.prove(other),
            signatures.prove(again),
        ):
            self.assertFalse(
                signing.Signatures([A]).is_proven(self.signed, no_proof),
                no_proof,
            )


class TestDocumentedExample(base.TestCase):
    """The documented example implements the same signatures."""

    def setUp(self) -> None:
        super().setUp()
        path = _DOCS / 'examples' / 'sign_a_message.py'
        self.example = runpy.run_path(str(path))

    def test_it_signs_as_we_do(self) -> None:
        for context in (
            MESSAGE['context'],
            {'user': 'ü', 'color': 'red'},
            {},
        ):
            stated = self.example['signature'](
                A,
                MESSAGE['server'],
                MESSAGE['method'],
                context,
                MESSAGE['arguments'],
            )
            message = {
                **MESSAGE,
                'context': {**context, 'signature': stated},
            }
            check([A], message)

    def test_it_verifies_our_proofs(self) -> None:
        signature = sign([A], MESSAGE)['context']['signature']
        proof = signing.Signatures([A]).prove({'signature': signature})
        self.assertTrue(self.example['is_proven'](A, signature, proof))
        for no_proof in (None, '', 'x', signature):
            self.assertFalse(self.example['is_proven'](A, signature, no_proof))

    def test_its_fields_are_ours(self) -> None:
        self.assertEqual(request_context.BUS_FIELDS, self.example['FIELDS'])

    def test_the_page_shows_the_output(self) -> None:
        message: dict[str, Any] = {
            'context': {'request_id': 'req-1', 'roles': ['admin']},
            'server': 'c1.5ad5',
            'method': 'get_driver_properties',
            'arguments': {'driver_name': 'fake-hardware'},
        }
        key = '0123456789abcdef0123456789abcdef'
        text = signing.canonical(
            message['context'],
            server=message['server'],
            method=message['method'],
            arguments=message['arguments'],
        ).decode('ascii')
        signature = sign([key], message)['context']['signature']
        # Long lines are broken on the page.
        page = ''.join((_DOCS / 'rpc.rst').read_text('utf-8').split())
        for shown in (key, text, signature):
            self.assertIn(''.join(shown.split()), page)
