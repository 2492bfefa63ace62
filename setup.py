# SPDX-License-Identifier: Apache-2.0
"""Build with pbr; setup.cfg contains the metadata."""

import setuptools

setuptools.setup(setup_requires=['pbr>=6.1.0'], pbr=True)
