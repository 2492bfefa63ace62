# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[oslo_policy]``, defined by oslo.policy."""

from typing import Any

from oslo_config import cfg
from oslo_policy import opts

GROUP = cfg.OptGroup('oslo_policy', title='Policy files')

((_, OPTS),) = opts.list_opts()

DEFAULTS: dict[str, Any] = {
    # The server of an ``https:`` check receives the identity of the caller
    # and decides; the library does not verify its certificate by default.
    'remote_ssl_verify_server_crt': True,
}
