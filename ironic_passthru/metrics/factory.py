# SPDX-License-Identifier: Apache-2.0
"""The metrics that the configuration selects."""

import types

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.metrics import observer


def of_api(conf: cfg.ConfigOpts) -> observer.Metrics:
    """Return the metrics of an API process.

    :raises: ConfigError.
    """
    if not conf.metrics.enabled:
        return observer.NO_METRICS
    found: observer.Metrics = _library().make_api(conf)
    return found


def of_conductor(
    conf: cfg.ConfigOpts, *, with_api: bool = False
) -> observer.Metrics:
    """Return the metrics of a conductor, or of the all-in-one service.

    :raises: ConfigError.
    """
    if not conf.metrics.enabled:
        return observer.NO_METRICS
    found: observer.Metrics = _library().make_conductor(
        conf, with_api=with_api
    )
    return found


def _library() -> types.ModuleType:
    try:
        from ironic_passthru.metrics import prometheus
    except ImportError as error:
        if not (error.name or '').startswith('prometheus_client'):
            raise
        raise errors.ConfigError(
            'Option enabled in group [metrics] requires the extra "metrics": '
            'install ironic-passthru[metrics]'
        ) from None
    return prometheus
