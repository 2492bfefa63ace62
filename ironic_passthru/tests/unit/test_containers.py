# SPDX-License-Identifier: Apache-2.0
"""Agreement of the container files with the package and its options."""

import configparser
import importlib.util
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from oslo_config import cfg

from ironic_passthru.cmd import conductor
from ironic_passthru.tests import base
from ironic_passthru.tests import pages

COMPOSE = pages.ROOT / 'etc/compose'

# Own images, and whether they have a health check.
_IMAGES = {'api': True, 'conductor': True, 'service': False}


def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(pages.ROOT / 'setup.cfg')
    return parser


def _instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile with their arguments."""
    text = (pages.ROOT / 'Containerfile').read_text()
    joined = re.sub(r'\\\n', '', re.sub(r'^#.*\n', '', text, flags=re.M))
    pairs = (line.partition(' ') for line in joined.splitlines() if line)
    return [(name, rest) for name, _, rest in pairs]


def _site() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (COMPOSE / 'compose.yaml').read_text()
    )
    return found


def _seconds(text: str) -> int:
    return int(text.removesuffix('s'))


class TestContainerfile(base.TestCase):
    """The images."""

    def stages(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        current: list[tuple[str, str]] = []
        for name, rest in _instructions():
            if name == 'FROM':
                current = found.setdefault(rest.rpartition(' ')[2], [])
            current.append((name, rest))
        return found

    def values(self, instruction: str) -> list[str]:
        return [rest for name, rest in _instructions() if name == instruction]

    def test_commands_are_those_of_the_package(self) -> None:
        scripts = _setup()['entry_points']['console_scripts']
        commands = [json.loads(rest)[0] for rest in self.values('CMD')]
        self.assertEqual(
            ['ironic-passthru-api', 'ironic-passthru-conductor'], commands
        )
        for command in commands:
            self.assertIn(f'\n{command} = ', scripts)
        (entry,) = self.values('ENTRYPOINT')
        module = json.loads(entry)[-1]
        self.assertIsNotNone(importlib.util.find_spec(module), module)

    def test_extras_are_those_of_a_service(self) -> None:
        """All but those of clients and tests."""
        extras = next(
            rest.removeprefix('EXTRAS=')
            for rest in self.values('ARG')
            if rest.startswith('EXTRAS=')
        )
        self.assertEqual(
            sorted({*_setup()['extras']} - {'client', 'testing'}),
            extras.split(','),
        )

    def test_a_service_is_not_root(self) -> None:
        (user,) = self.values('USER')
        self.assertEqual('10001:10001', user)
        stages = self.stages()
        for name, has_health in _IMAGES.items():
            names = [instruction for instruction, _ in stages[name]]
            self.assertEqual(has_health, 'HEALTHCHECK' in names, name)
            if has_health:
                self.assertIn(('FROM', f'service AS {name}'), stages[name])

    def test_secrets_are_not_sent_to_the_build(self) -> None:
        ignored = (pages.ROOT / '.dockerignore').read_text().splitlines()
        self.assertIn('etc/compose/secrets', ignored)


class TestSite(base.TestCase):
    """The compose file."""

    def services(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from _site()['services'].items()

    def test_each_service_is_confined_and_watched(self) -> None:
        for name, service in self.services():
            self.assertIs(True, service['read_only'], name)
            self.assertEqual(['ALL'], service['cap_drop'], name)
            self.assertEqual(
                ['no-new-privileges:true'], service['security_opt'], name
            )
            self.assertNotIn('privileged', service)
            self.assertIn('restart', service, name)
            own_image = 'ironic-passthru' in service['image']
            self.assertTrue(own_image or service['healthcheck'], name)

    def test_names_and_files_exist(self) -> None:
        site = _site()
        for name, service in self.services():
            for secret in service.get('secrets', []):
                source = secret if isinstance(secret, str) else (
                    secret['source']
                )  # fmt: skip
                self.assertIn(source, site['secrets'], name)
            for network in service['networks']:
                self.assertIn(network, site['networks'], name)
            for volume in service.get('volumes', []):
                source = volume.partition(':')[0]
                if source.startswith('.'):
                    self.assertTrue((COMPOSE / source).is_file(), source)
                else:
                    self.assertIn(source, site['volumes'], name)
        for secret in site['secrets'].values():
            self.assertTrue(secret['file'].startswith('secrets/'), secret)

    def test_options_exist_and_name_secrets(self) -> None:
        conf = self.make_conf()
        sections: dict[str, dict[str, list[str]]] = {}
        path = COMPOSE / 'ironic_passthru.conf'
        cfg.ConfigParser(str(path), sections).parse()
        secrets = [
            f'/run/secrets/{secret}'
            for secret in _site()['services']['api']['secrets']
            if isinstance(secret, str)
        ]
        used = []
        for group, options in sections.items():
            known = conf if group == 'DEFAULT' else conf[group]
            for name, (value,) in options.items():
                self.assertIn(name, known, group)
                used += [value] if value.startswith('/run/secrets/') else []
        self.assertEqual(sorted(secrets), sorted(used))

    def test_a_conductor_has_time_to_stop(self) -> None:
        conf = self.make_conf()
        seconds = (
            conf.conductor.graceful_shutdown_timeout
            + conductor._RECORDING_SECONDS
        )
        hosts = set()
        for name, service in self.services():
            if name.startswith('conductor'):
                hosts.add(service['hostname'])
                self.assertGreater(
                    _seconds(service['stop_grace_period']), seconds
                )
        self.assertEqual({'conductor1', 'conductor2'}, hosts)

    def test_broker_has_the_limits_of_the_sample(self) -> None:
        sample, own = (
            dict(re.findall(r'^(\S+) = (.*)$', path.read_text(), re.M))
            for path in (
                COMPOSE.parent / 'rabbitmq/rabbitmq.conf',
                COMPOSE / 'rabbitmq.conf',
            )
        )
        for name in ('heartbeat', 'max_message_size'):
            self.assertEqual(sample[name], own[name])
