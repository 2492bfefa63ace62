# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the documentation."""

import os
import pathlib
import sys

from ironic_passthru import threads

# Must precede the imports of autodoc, which would select another backend.
threads.init()

_HERE = pathlib.Path(__file__).parent
# The examples are documented from their docstrings.
sys.path.insert(0, str(_HERE / 'examples'))
sys.path.insert(0, str(_HERE.parent / 'site'))

# The commands of this installation, whose help is on a page.
os.environ['PATH'] = os.pathsep.join(
    [os.path.dirname(sys.executable), os.environ.get('PATH', os.defpath)]
)
os.environ.update({'COLUMNS': '79', 'NO_COLOR': '1'})

project = 'ironic_passthru'

extensions = [
    'html_site',
    'ironic_passthru.sphinxext',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'sphinx.ext.autodoc',
    'sphinxcontrib.programoutput',
]

autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
# Names are short on the page: ``base.Attachment``, not the full path.
add_module_names = False
nitpicky = True
# Documented by other projects, whose inventories need network access.
nitpick_ignore_regex = [
    ('py:.*', r'(typing|collections|oslo_\w+|Any|Callable|Sequence)\b.*'),
    ('py:.*', r'(Mapping|Iterable|cfg|keystoneauth1)\b.*'),
    ('py:class', r'.*\._Function'),
    ('py:class', r'(pathlib|os)\..*'),
    ('py:class', r'(asyncio\.streams|ironic_passthru\.drivers\.loader)\..*'),
    ('py:meth', r'(protocol\.Attached\.from_bus|to_bus)'),
    ('py:class', r'(dict|list|tuple|str|bytes|int|bool|None|object|float)'),
    ('py:class', r'dict\[str'),
]

# Hosts in examples.
linkcheck_ignore = [
    r'https?://(127\.0\.0\.1|localhost|([\w-]+\.)*example(\.\w+)?)([:/]|$)',
]
