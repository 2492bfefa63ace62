# SPDX-License-Identifier: Apache-2.0
"""Texts about the methods of a driver, with marks for literals."""

from ironic_passthru import spec
from ironic_passthru.drivers import base
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import masking
from ironic_passthru.sphinxext import markup


def in_order(driver: loader.Driver) -> list[str]:
    """Return the methods in the order of the source, inherited ones first."""
    marks = [
        base.passthru_mark(value)
        for kind in reversed(type(driver.interface).__mro__)
        for value in vars(kind).values()
    ]
    names = [mark.method for mark in marks if mark is not None]
    return [
        name
        for name in dict.fromkeys([*names, *driver.methods])
        if name in driver.methods
    ]


def kind(method: spec.MethodSpec) -> str:
    """Return the flags of a method."""
    kinds = ['async' if method.async_call else 'sync']
    if method.attach:
        kinds.append('attach')
    if method.dangerous:
        kinds.append('dangerous')
    return ', '.join(kinds)


def of_method(driver: str, method: spec.MethodSpec) -> dict[str, str]:
    """Return the attributes of a method besides its parameters."""
    mask = markup.literal(masking.MASK)
    attributes = {
        'Call': 'Asynchronous: the response is 202 with an operation.'
        if method.async_call
        else 'Synchronous: the response contains the result.'
    }
    if method.attach:
        attributes['Result'] = 'A file: the raw body of the response.'
    if method.timeout is not None:
        attributes['Timeout'] = f'{method.timeout:g} seconds.'
    if method.target:
        names = ', '.join(markup.literal(name) for name in method.target)
        limit = markup.literal('[conductor] target_limit')
        attributes['Target'] = (
            f'{names}; {limit} limits concurrent calls for one target.'
        )
    if method.dangerous:
        option = markup.literal('[conductor] allowed_dangerous_methods')
        name = markup.literal(f'{driver}.{method.name}')
        attributes['Dangerous'] = f'403 unless {option} contains {name}.'
    if secret := _secret(method):
        attributes['Secret'] = (
            f'{secret}: shown as {mask} in records and logs.'
        )
    return attributes


def _secret(method: spec.MethodSpec) -> str:
    """Return the secrets that are not parameters."""
    if masking.RESULT in method.secret:
        return 'The result'
    names = [
        markup.literal(name)
        for name in method.secret
        if name not in method.schema['properties']
    ]
    return f'{", ".join(names)}, at any depth' if names else ''
