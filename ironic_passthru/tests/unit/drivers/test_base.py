# SPDX-License-Identifier: Apache-2.0
"""The decorator and the interface."""

import dataclasses
from typing import Any

from ironic_passthru.drivers import base as driver_base
from ironic_passthru.tests import base


class DecoratorTest(base.TestCase):
    """What the decorator notes."""

    def test_defaults(self) -> None:
        @driver_base.driver_passthru(['POST'])
        def reset(self: Any) -> None:
            """Reset it.

            All of it.
            """

        self.assertEqual(
            driver_base.Passthru(
                http_methods=('POST',),
                method='reset',
                async_call=True,
                description='Reset it.',
                attach=False,
            ),
            driver_base.passthru_mark(reset),
        )

    def test_positional_arguments_in_the_order_of_ironic(self) -> None:
        @driver_base.driver_passthru(
            ['get', 'PUT', 'GET'], 'name', False, 'what it does', True
        )
        def function(self: Any) -> None:
            """Something else."""

        self.assertEqual(
            driver_base.Passthru(
                http_methods=('GET', 'PUT'),
                method='name',
                async_call=False,
                description='what it does',
                attach=True,
            ),
            driver_base.passthru_mark(function),
        )

    def test_dangerous_and_secret(self) -> None:
        for given, noted in (
            (None, ()),
            ('pin', ('pin',)),
            (['pin', 'seed', 'pin'], ('pin', 'seed')),
        ):

            @driver_base.driver_passthru(
                ['POST'], dangerous=True, secret=given
            )
            def function(self: Any) -> None:
                """Something."""

            mark = driver_base.passthru_mark(function)
            self.assertIs(True, mark.dangerous)
            self.assertEqual(noted, mark.secret)
        for wrong in ({'secret': ['']}, {'secret': 5}, {'secret': []}):
            self.assertRaises(
                ValueError, driver_base.driver_passthru, ['POST'], **wrong
            )
        for wrong in ('pin', 1, None):
            self.assertRaises(
                ValueError,
                driver_base.driver_passthru,
                ['POST'],
                dangerous=wrong,
            )

    def test_description(self) -> None:
        def undocumented() -> None:
            pass

        def documented() -> None:
            """

            First line.
            Second line.
            """

        for function, given, description in (
            (undocumented, None, ''),
            (undocumented, 'given', 'given'),
            (documented, None, 'First line.'),
            (documented, '', ''),
        ):
            decorated = driver_base.driver_passthru(
                ['GET'], description=given
            )(function)
            self.assertEqual(
                description, driver_base.passthru_mark(decorated).description
            )

    def test_function_stays_callable(self) -> None:
        @driver_base.driver_passthru(['GET'])
        def add(one: int, two: int) -> int:
            return one + two

        self.assertEqual(3, add(1, two=2))

    def test_wrong_arguments(self) -> None:
        for arguments in (
            ([],),
            (['FETCH'],),
            (['GET', 'HEAD'],),
            ('GET',),
            (['GET'], 5),
        ):
            self.assertRaises(
                ValueError, driver_base.driver_passthru, *arguments
            )

    def test_timeout_and_target(self) -> None:
        for target, names in (
            ('bmc', ('bmc',)),
            (['bmc', 'rack', 'bmc'], ('bmc', 'rack')),
            (('bmc',), ('bmc',)),
            (None, ()),
        ):

            @driver_base.driver_passthru(['GET'], timeout=2.5, target=target)
            def method(self: Any, bmc: str) -> None:
                pass

            mark = driver_base.passthru_mark(method)
            self.assertEqual((2.5, names), (mark.timeout, mark.target))

    def test_wrong_timeouts(self) -> None:
        longest = driver_base.MAX_TIMEOUT_SECONDS
        driver_base.driver_passthru(['GET'], timeout=longest)
        for timeout in (
            0,
            -1,
            True,
            '5',
            float('nan'),
            float('inf'),
            10**400,
            longest + 1,
        ):
            error = self.assertRaises(
                ValueError,
                driver_base.driver_passthru,
                ['GET'],
                timeout=timeout,
            )
            self.assertIn('timeout must be', str(error))

    def test_wrong_targets(self) -> None:
        for target in ('', [], ['a', ''], [5], 5, {'a': 1}, {'a'}):
            error = self.assertRaises(
                ValueError,
                driver_base.driver_passthru,
                ['GET'],
                target=target,
            )
            self.assertIn('target must be', str(error))

    def test_wrong_flags_and_texts(self) -> None:
        for argument, value in (
            ('async_call', None),
            ('attach', 'no'),
            ('dangerous', 'pin'),
            ('description', b'bytes'),
            ('method', 3),
            ('deprecated', True),
            ('examples', {'mode': 'auto'}),
        ):
            error = self.assertRaises(
                ValueError,
                driver_base.driver_passthru,
                ['GET'],
                **{argument: value},
            )
            self.assertIn(f'{argument} must be', str(error))

    def test_without_arguments(self) -> None:
        def method(self: Any) -> None: ...

        error = self.assertRaises(
            ValueError, driver_base.driver_passthru, method
        )
        self.assertIn("write @driver_passthru(['POST'])", str(error))

    def test_only_plain_functions(self) -> None:
        decorate = driver_base.driver_passthru(['GET'])
        for value in (
            property(lambda self: 1),
            staticmethod(lambda: 1),
            classmethod(lambda cls: 1),
            3,
        ):
            error = self.assertRaises(ValueError, decorate, value)
            self.assertIn('decorate a plain method', str(error))

    def test_the_methods_of_a_set_have_one_order(self) -> None:
        for names in (
            {'PUT', 'GET', 'post'},
            frozenset(('put', 'POST', 'GET')),
        ):

            @driver_base.driver_passthru(names)
            def method(self: Any) -> None: ...

            mark = driver_base.passthru_mark(method)
            self.assertEqual(('GET', 'POST', 'PUT'), mark.http_methods)

    def test_every_verb(self) -> None:
        for http_method in ('GET', 'POST', 'PUT', 'DELETE', 'PATCH'):
            driver_base.driver_passthru([http_method])

    def test_methods_of_nodes_stay_unmarked(self) -> None:
        @driver_base.passthru(['POST'], method='x', async_call=False)
        def node_method(self: Any, task: Any) -> str:
            return 'ran'

        self.assertIsNone(driver_base.passthru_mark(node_method))
        self.assertEqual('ran', node_method(None, None))


class MarkTest(base.TestCase):
    """Only the decorator marks."""

    def test_http_methods_of_a_mark(self) -> None:
        mark = driver_base.Passthru(
            http_methods=('get', 'PUT'),
            method='lamps',
            async_call=False,
            description='',
            attach=False,
        )
        self.assertEqual(('GET', 'PUT'), mark.http_methods)
        self.assertRaises(
            ValueError, dataclasses.replace, mark, http_methods=('HEAD',)
        )

    def test_objects_that_have_every_attribute(self) -> None:
        class Proxy:
            def __getattr__(self, name: str) -> 'Proxy':
                return Proxy()

        self.assertIsNone(driver_base.passthru_mark(Proxy()))

    def test_other_objects(self) -> None:
        for value in (None, 3, print, object):
            self.assertIsNone(driver_base.passthru_mark(value))


class InterfaceTest(base.TestCase):
    """An interface that defines nothing is complete."""

    def test_defaults(self) -> None:
        interface = driver_base.VendorInterface()
        interface.start(self.make_conf())
        self.assertEqual({}, interface.get_properties())
        self.assertIsNone(interface.driver_validate('m', a=1))
        interface.stop()
