# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the release notes."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / 'doc/site'))

project = 'ironic_passthru release notes'

extensions = ['html_site', 'reno.sphinxext']
site_root = '../'
