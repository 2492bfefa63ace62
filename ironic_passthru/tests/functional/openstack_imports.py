# SPDX-License-Identifier: Apache-2.0
"""Imports of what every ``openstack`` command imports.

They take most of its time.
"""

import contextlib
from importlib import metadata

from cliff import command

for _group in metadata.entry_points().groups:
    if not _group.startswith(('cliff.', 'keystoneauth1.', 'openstack.')):
        continue
    for _entry in metadata.entry_points(group=_group):
        # Some plug-ins need modules that are not installed.
        with contextlib.suppress(ImportError, AttributeError):
            _entry.load()

# It keeps the packages of all modules.
command._get_distributions_by_modules()
