# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[DEFAULT]``."""

import os
import pathlib
import socket

from oslo_config import cfg


def _state_home() -> str:
    base = os.environ.get('XDG_STATE_HOME') or str(
        pathlib.Path.home() / '.local' / 'state'
    )
    return str(pathlib.Path(base) / 'ironic-passthru')


OPTS: list[cfg.Opt] = [
    cfg.HostnameOpt(
        'host',
        default=socket.gethostname(),
        sample_default='conductor1.example.com',
        help='Unique name of this conductor, shown to clients as its '
        'hostname. If two conductors use the same name, the conductor that '
        'started first stops.',
    ),
    cfg.StrOpt(
        'state_path',
        default=_state_home(),
        sample_default='$XDG_STATE_HOME/ironic-passthru',
        help='Directory for state, such as the SQLite registry of the '
        'all-in-one service. It is created with mode 0700 if it does not '
        'exist.',
    ),
    cfg.StrOpt(
        'auth_strategy',
        default='keystone',
        choices=[
            ('keystone', 'Tokens of the Identity service'),
            ('http_basic', 'User names and passwords of a file'),
            ('noauth', 'No authentication'),
        ],
        help='Authentication of requests. The default of the all-in-one '
        'service is noauth.',
    ),
    cfg.StrOpt(
        'http_basic_auth_user_file',
        default='/etc/ironic_passthru/htpasswd',
        help='File with the users and passwords for auth_strategy '
        'http_basic: lines "name:hash" as written by "htpasswd -B" of '
        'Apache. Changes apply without a restart. Other users must not '
        'be able to read it.',
    ),
    cfg.DictOpt(
        'http_basic_roles',
        default={'*': 'admin'},
        help='Roles of the users for auth_strategy http_basic, such as '
        '"alice:admin,bob:reader"; "+" separates the roles of one user. "*" '
        'means all other users. The role admin implies member, and member '
        'implies reader.',
    ),
]
