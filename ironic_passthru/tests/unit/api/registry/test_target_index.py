# SPDX-License-Identifier: Apache-2.0
"""Tests of the targets of several conductors."""

from ironic_passthru.api.registry import target_index
from ironic_passthru.fleet import target_list
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base


def server(hostname: str) -> protocol.ConductorAddress:
    return protocol.ConductorAddress(hostname, 'run1')


def names(servers: tuple[protocol.ConductorAddress, ...]) -> str:
    return ''.join(each.hostname for each in servers)


class TargetIndexTest(base.TestCase):
    """Conductors ``a`` and ``b`` are one site, ``d`` publishes nothing."""

    def setUp(self) -> None:
        super().setUp()

        def listed(*names: str, tag: str = 'all') -> target_list.TargetList:
            return target_list.TargetList(
                {name: frozenset({tag}) for name in names}
            )

        self.index = target_index.TargetIndex(
            [server(hostname) for hostname in 'abcd'],
            {
                'a': listed('n1', 'n2', 'n3'),
                'b': listed('n1', 'n2', 'n3'),
                'c': listed('n3', 'n4', tag='new'),
                'dead': listed('n5'),
            },
            [listed('n1', 'n5')],
        )

    def test_targets(self) -> None:
        self.assertEqual(3, self.index.sites)
        self.assertEqual('d', names(self.index.unlisted))
        self.assertEqual(
            {
                'n1': {'all'},
                'n2': {'all'},
                'n3': {'all', 'new'},
                'n4': {'new'},
                'n5': {'all'},
            },
            self.index.tags,
        )

    def test_unavailable(self) -> None:
        self.assertEqual(['n5'], self.index.unavailable(['n1', 'n5', 'n6']))

    def test_serving(self) -> None:
        for wanted, servers in (
            (['n1'], 'ab'),
            (['n1', 'n2'], 'ab'),
            (['n3'], 'abc'),
            (['n3', 'n4'], 'c'),
            (['n1', 'n4'], ''),
            (['n5'], ''),
            ([], 'abc'),
        ):
            self.assertEqual(servers, names(self.index.serving(wanted)))

    def test_split(self) -> None:
        for wanted, parts in (
            ('n1 n2', ['ab: n1 n2']),
            ('n3 n4', ['c: n3 n4']),
            ('n4 n3 n2 n1', ['ab: n3 n2 n1', 'c: n4']),
            ('n5 n1', ['ab: n1', ': n5']),
        ):
            self.assertEqual(
                parts,
                [
                    f'{names(servers)}: {" ".join(chosen)}'
                    for servers, chosen in self.index.split(wanted.split())
                ],
            )
