# SPDX-License-Identifier: Apache-2.0
"""Sign messages to conductors without the Python client."""

import hashlib
import hmac
import json

FIELDS = {
    'request_id',
    'global_request_id',
    'user',
    'user_name',
    'user_domain',
    'user_domain_name',
    'project_id',
    'project_name',
    'project_domain',
    'project_domain_name',
    'domain',
    'domain_name',
    'system_scope',
    'roles',
}


def signature(key, server, method, context, arguments):
    """Return the field ``signature`` of the context of a message."""
    message = {
        'args': arguments,
        'context': {n: v for n, v in context.items() if n in FIELDS},
        'method': method,
        'server': server,
    }
    text = json.dumps(message, sort_keys=True, separators=(',', ':'))
    secret = key.encode('utf-8')
    name = hmac.new(secret, b'key id', hashlib.sha256).hexdigest()[:8]
    mac = hmac.new(secret, text.encode('ascii'), hashlib.sha256).hexdigest()
    return f'{name}:{mac}'


def is_proven(key, signature, proof):
    """Return whether the call with a signature was certainly not run."""
    text = f'not run {signature}'
    mac = hmac.new(key.encode('utf-8'), text.encode('ascii'), hashlib.sha256)
    expected, stated = mac.hexdigest(), str(proof)
    return hmac.compare_digest(
        expected.encode('ascii'), stated.encode('ascii', 'replace')
    )
