# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the API reference."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / 'doc/site'))

project = 'ironic_passthru API reference'

extensions = ['html_site', 'api_reference']
site_root = '../'
