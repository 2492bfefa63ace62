# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[operations]``: records of calls."""

from oslo_config import cfg

GROUP = cfg.OptGroup('operations', title='Records of calls')

OPTS: list[cfg.Opt] = [
    cfg.IntOpt(
        'retention_seconds',
        default=7 * 24 * 60 * 60,
        min=60,
        max=10 * 365 * 24 * 60 * 60,
        help='Retention of the record of a finished call and its '
        'Idempotency-Key, in seconds.',
    ),
    cfg.IntOpt(
        'result_retention_seconds',
        default=24 * 60 * 60,
        min=60,
        max=10 * 365 * 24 * 60 * 60,
        help='Retention of the result of a finished call, in seconds; later '
        'requests get 410. A result is never kept longer than its record.',
    ),
    cfg.FloatOpt(
        'progress_interval',
        default=1.0,
        min=0.05,
        max=60.0,
        help='Interval in seconds at which a conductor records the progress '
        'of its calls and reads cancellation requests.',
    ),
    cfg.FloatOpt(
        'queue_timeout',
        default=3600.0,
        min=1.0,
        max=7 * 24 * 60 * 60.0,
        help='Maximum time of an accepted asynchronous call in the queue, in '
        'seconds; then the operation expires and does not run.',
    ),
    cfg.IntOpt(
        'purge_batch',
        default=500,
        min=1,
        max=10000,
        help='Maximum number of records that are deleted in one transaction.',
    ),
]
