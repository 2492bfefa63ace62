# SPDX-License-Identifier: Apache-2.0
"""Parameters of methods: selection of targets, and limits of a call."""

from typing import Annotated
from typing import TypedDict

import pydantic

from ironic_passthru.fleet import selector

#: The parameters that identify hardware, for ``driver_passthru(target=...)``.
NAMES = selector.NAMES

MAX_CONCURRENCY = 1024

_Chosen = Annotated[str, pydantic.Field(min_length=1, max_length=255)]
_Names = Annotated[list[_Chosen], pydantic.Field(min_length=1)]
_Count = Annotated[int, pydantic.Field(ge=1)]


class Selection(TypedDict, total=False):
    """Parameters that select targets.

    Names of targets may be patterns with ``*``, ``?`` and ``[...]``.
    """

    target: Annotated[
        _Chosen | None,
        pydantic.Field(description='Name of a target, or a pattern.'),
    ]
    targets: Annotated[
        Annotated[_Names, pydantic.Field(max_length=10_000)] | None,
        pydantic.Field(description='Names of several targets, or patterns.'),
    ]
    tag: Annotated[
        _Chosen | None, pydantic.Field(description='Tag of the targets.')
    ]
    tags: Annotated[
        Annotated[_Names, pydantic.Field(max_length=100)] | None,
        pydantic.Field(description='Tags that the targets all have.'),
    ]
    any_tags: Annotated[
        Annotated[_Names, pydantic.Field(max_length=100)] | None,
        pydantic.Field(description='Tags of which the targets have one.'),
    ]
    exclude: Annotated[
        Annotated[_Names, pydantic.Field(max_length=10_000)] | None,
        pydantic.Field(
            description='Names or patterns of targets to leave out.'
        ),
    ]


class FleetOptions(Selection, total=False):
    """Parameters of methods that work on each target."""

    expected_targets: Annotated[
        _Count | None,
        pydantic.Field(
            description='Number of targets; a call that selects another '
            'number is rejected.'
        ),
    ]

    concurrency: Annotated[
        Annotated[_Count, pydantic.Field(le=MAX_CONCURRENCY)] | None,
        pydantic.Field(
            description='Number of targets at a time on one conductor, up '
            'to the option concurrency of the driver.'
        ),
    ]
    max_failures: Annotated[
        _Count | None,
        pydantic.Field(
            description='Start no further target after so many failed.'
        ),
    ]
    batch: Annotated[
        _Count | None,
        pydantic.Field(
            description='Number of targets that must all succeed before the '
            'others start.'
        ),
    ]
    dry_run: Annotated[
        bool,
        pydantic.Field(
            description='Return the changes that would be sent; send only '
            'reads.'
        ),
    ]
    require_all: Annotated[
        bool,
        pydantic.Field(
            description='Whether the call fails if one target does not '
            'succeed.'
        ),
    ]
