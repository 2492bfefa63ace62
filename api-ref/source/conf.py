# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the API reference."""

project = 'ironic_passthru API reference'
copyright = 'ironic_passthru contributors'

extensions = ['openstackdocstheme', 'os_api_ref']

html_theme = 'openstackdocs'
html_theme_options = {'sidebar_mode': 'toc'}
pygments_style = 'native'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
