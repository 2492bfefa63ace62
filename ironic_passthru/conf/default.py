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
        help='Name of this conductor: what clients see as its hostname. '
        'Two conductors must not share one name; the one that starts last '
        'takes it over and the other one stops.',
    ),
    cfg.StrOpt(
        'state_path',
        default=_state_home(),
        sample_default='$XDG_STATE_HOME/ironic-passthru',
        help='Directory of what the service keeps by itself, such as the '
        'SQLite registry of the all-in-one service. It is created with mode '
        '0700 if it does not exist.',
    ),
    cfg.StrOpt(
        'auth_strategy',
        default='keystone',
        choices=[
            ('keystone', 'Tokens of the Identity service.'),
            ('http_basic', 'User name and password from a file.'),
            ('noauth', 'Every request is accepted without a login.'),
        ],
        help='How requests are authenticated. The all-in-one service uses '
        'noauth unless this is set.',
    ),
    cfg.StrOpt(
        'http_basic_auth_user_file',
        default='/etc/ironic_passthru/htpasswd',
        help='File with the users of auth_strategy http_basic and their '
        'passwords: one "name:hash" a line, as htpasswd -B of Apache '
        'writes it. It is read again when it changes. Others must not be '
        'able to read it.',
    ),
    cfg.DictOpt(
        'http_basic_roles',
        default={'*': 'admin'},
        help='Roles of the users of auth_strategy http_basic, such as '
        '"alice:admin,bob:reader"; several roles of one user are separated '
        'by "+". The user "*" stands for all that are not named. The role '
        'admin implies member, which implies reader.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    conf.register_opts(OPTS)
