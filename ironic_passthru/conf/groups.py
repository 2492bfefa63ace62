# SPDX-License-Identifier: Apache-2.0
"""Registering a group of options, the same way for each group."""

from collections.abc import Sequence

from oslo_config import cfg


def register(
    conf: cfg.ConfigOpts, group: cfg.OptGroup, options: Sequence[cfg.Opt]
) -> None:
    """Register ``options`` in ``group`` on ``conf``."""
    # oslo.config keeps values in the group, so each configuration gets one
    # of its own.
    conf.register_group(cfg.OptGroup(group.name, title=group.title))
    conf.register_opts(options, group=group.name)
