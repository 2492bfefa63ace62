# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[operations]``: the records of calls."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('operations', title='The records of calls')

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        'retention_seconds',
        default=7 * 24 * 60 * 60,
        min=60,
        max=10 * 365 * 24 * 60 * 60,
        help='Seconds for which the record of a call is kept after the call '
        'has ended, and with it its Idempotency-Key.',
    ),
    cfg.IntOpt(
        'result_retention_seconds',
        default=24 * 60 * 60,
        min=60,
        max=10 * 365 * 24 * 60 * 60,
        help='Seconds for which the result of a call is kept after the call '
        'has ended; later it is answered 410. It is never kept for longer '
        'than the record, whatever this says.',
    ),
    cfg.FloatOpt(
        'progress_interval',
        default=1.0,
        min=0.05,
        max=60.0,
        help='Seconds between two rounds in which a conductor writes down '
        'how far its calls are and reads which of them are to be cancelled.',
    ),
    cfg.FloatOpt(
        'queue_timeout',
        default=3600.0,
        min=1.0,
        max=7 * 24 * 60 * 60.0,
        help='Seconds after which an accepted asynchronous call that has not '
        'begun expires: it will not run any more.',
    ),
    cfg.IntOpt(
        'purge_batch',
        default=500,
        min=1,
        max=10000,
        help='Number of records that are deleted in one transaction.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
