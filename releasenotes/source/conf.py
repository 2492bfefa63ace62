# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the release notes."""

project = 'ironic_passthru release notes'
copyright = 'ironic_passthru contributors'

extensions = ['openstackdocstheme', 'reno.sphinxext']

html_theme = 'openstackdocs'
pygments_style = 'native'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
