# SPDX-License-Identifier: Apache-2.0
"""Redact secrets from every log record of this process.

Each handler gets a filter, which redacts message and exception before they
are formatted, and a formatter around its own, which redacts additions of a
formatter: lines of source code, a summary of the current exception, fields of
JSON. Records of this service get no such summary.

Control characters are escaped, so that text of callers, drivers, BMCs, brokers
and libraries cannot start a new record or control a terminal:

- The filter escapes the message, and the texts and notes of a copy of the
  exception. Only the line breaks between the frames and exceptions of a
  traceback remain.
- A traceback that another process has formatted is indented.
- The formatter escapes the fields that it inserts into the format string:
  names of threads, the request context, summaries of exceptions.

Format strings themselves, and the colors of oslo.log, are not changed.
"""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib import parse

from oslo_utils import strutils

from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import control_characters
from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import exceptions
from ironic_passthru.redaction import masking

LOG = logging.getLogger(__name__)

# Separator of a name and its value: in a header, a dictionary or a pair, and
# in a text that quotes these.
_BETWEEN = r"""(?:\\*['"]\s*,|(?:\\*['"])?\s*[:=])\s*"""
_TOKEN = re.compile(
    r'((?:x[-_](?:auth|service|subject)[-_]token|(?<![?&])api[-_]?key)'
    rf"""{_BETWEEN}(?:b?\\*['"])?)[^\s'",;]+""",
    re.IGNORECASE,
)
# A single token follows these schemes. After any other scheme all is redacted
# up to the quote, or to the end of the line.
_AUTHORIZATION = re.compile(
    rf"""(authorization{_BETWEEN})(?:"""
    r"""((?:b?\\*['"])?(?:basic|bearer|negotiate|ntlm|token)\s+)[^\s'",;]+"""
    r"""|(b?')(?:[^'\\\r\n]|\\+[^\\\r\n])+"""
    r"""|(b?")(?:[^"\\\r\n]|\\+[^\\\r\n])+"""
    r"""|(b?\\+['"])?[^'\r\n]+)""",
    re.IGNORECASE,
)
# Longer names cannot be names of secrets.
_IN_QUERY = re.compile(r"""([?&]([^\s'"<>?&=]{1,100})=)[^\s'"<>&#]+""")

#: Attributes of a record that is not redacted, since its fields have been
#: masked by their schema and its form must not change.
WHOLE = {'ironic_passthru_whole': True}

# Prefix of the names of this service's loggers.
_OURS = __name__.partition('.')[0]

# An attribute of records with the escape sequence of a color of oslo.log.
_COLOR = 'color'

_DONE = '_ironic_passthru_redacted'
_LOST = 'Log record omitted: its secrets cannot be redacted'


def install() -> None:
    """Redact the output of all log handlers of this process.

    Handlers that are added later need another call.
    """
    for handler in _handlers():
        try:
            _install_on(handler)
        except Exception as error:
            # A handler can be of any class. Its error must not stop the
            # service, nor the redaction of the other handlers.
            LOG.error(
                'Output of a log handler of class %s is not redacted: %s',
                type(handler).__qualname__,
                type(error).__name__,
            )


def _install_on(handler: logging.Handler) -> None:
    if not any(isinstance(each, _Filter) for each in handler.filters):
        handler.addFilter(_Filter())
    if not isinstance(handler.formatter, _Formatter):
        handler.setFormatter(_Formatter(handler.formatter))


def _handlers() -> Iterator[logging.Handler]:
    root = logging.getLogger()
    for logger in [root, *logging.Logger.manager.loggerDict.values()]:
        # Placeholders have no handlers, and other threads may change the
        # list.
        yield from tuple(getattr(logger, 'handlers', ()))


def redact(text: str) -> str:
    """Return a text with ``***`` in place of secrets.

    Secrets are the passwords that oslo.utils finds, passwords in URLs and
    their queries, credentials in HTTP headers, and the secrets of the call
    that this thread runs.
    """
    text = call_secrets.current().text(text)
    text = strutils.mask_password(text, masking.MASK)
    if '://' in text and '@' in text:
        text = credentials.without_logins(text, masking.MASK)
    if '=' in text and ('?' in text or '&' in text):
        text = _IN_QUERY.sub(_without_value, text)
    lower = text.lower()
    if 'token' in lower or 'key' in lower:
        text = _TOKEN.sub(rf'\1{masking.MASK}', text)
    if 'authorization' in lower:
        text = _AUTHORIZATION.sub(rf'\1\2\3\4\5{masking.MASK}', text)
    return text


def _without_value(match: re.Match[str]) -> str:
    if masking.implies_secret(parse.unquote_plus(match[2])):
        return f'{match[1]}{masking.MASK}'
    return match[0]


class _Filter(logging.Filter):
    """Redacts a record once, for all handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not (_is_whole(record) or getattr(record, _DONE, False)):
            setattr(record, _DONE, True)
            try:
                _redact_record(record)
            except Exception:
                # The logging program must not fail.
                record.msg, record.args = _LOST, ()
                record.exc_info = record.exc_text = record.stack_info = None
        return True


def _is_whole(record: logging.LogRecord) -> bool:
    return all(getattr(record, name, False) for name in WHOLE)


def _redact_record(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except Exception:
        # logging would print the arguments, which may be secret.
        message = f'{record.msg} (invalid arguments)'
        record.msg, record.args = message, ()
    # The module warnings ends its messages with a line break.
    clean = _line(message.rstrip('\n'))
    if clean != message:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[1] is not None:
        error = exceptions.redacted(record.exc_info[1], _line)
        record.exc_info = (type(error), error, error.__traceback__)
        # A handler without this filter may have set it.
        record.exc_text = None
    elif record.exc_text:
        # It comes from another process, so its structure is unknown.
        record.exc_text = _indented(record.exc_text)
    if record.stack_info:
        record.stack_info = redact(record.stack_info)


def _line(text: str) -> str:
    # Escaping first could hide a secret from the search.
    return control_characters.escape(redact(text))


def _indented(text: str) -> str:
    lines = redact(text).split('\n')
    return '\n'.join(f'  {control_characters.escape(line)}' for line in lines)


class _Formatter(logging.Formatter):
    """Redacts the output of another formatter.

    :param inner: the other formatter; by default that of :mod:`logging`.
    """

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()
        _escape_fields(self._inner)

    def format(self, record: logging.LogRecord) -> Any:
        formatted = _formatted(self._inner, record)
        if _is_whole(record):
            return formatted
        if record.exc_text:
            # Formatters cache it there for other handlers.
            record.exc_text = _safely_redacted(record.exc_text)
        return _safely_redacted(formatted)

    def formatException(self, *args: Any, **kwargs: Any) -> Any:
        return _safely_redacted(self._inner.formatException(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _escape_fields(inner: logging.Formatter) -> None:
    """Escape the fields that a formatter inserts into its format string."""
    original = inner.formatMessage

    # Formatters of oslo.log add fields to a record while they format it, so
    # the fields are complete only here.
    def format_message(record: logging.LogRecord) -> str:
        unsafe = {
            name: escaped
            for name, value in vars(record).items()
            if isinstance(value, str)
            and name != _COLOR
            and (escaped := control_characters.escape(value)) != value
        }
        if unsafe:
            record = logging.makeLogRecord(vars(record) | unsafe)
        return original(record)

    inner.formatMessage = format_message  # type: ignore[method-assign]


def _formatted(inner: logging.Formatter, record: logging.LogRecord) -> Any:
    """Return the formatted record.

    Formatters of oslo.log append the first line of the current exception to
    errors. Records of this service contain the part of an error that is
    safe; its text may be secret.
    """
    if not record.name.startswith(_OURS):
        return inner.format(record)
    try:
        # They omit an exception without text.
        raise ValueError
    except ValueError:
        return inner.format(record)


def _safely_redacted(formatted: Any) -> Any:
    try:
        return _redact_output(formatted)
    except Exception:
        return _LOST


def _redact_output(formatted: Any) -> Any:
    if not isinstance(formatted, str):
        # Some formatters return an object for a library that sends it.
        return _redact_value(formatted)
    clean = redact(formatted)
    if clean != formatted and formatted.startswith('{'):
        try:
            # The result must be JSON even if quotes were redacted.
            return json.dumps(_redact_value(json.loads(formatted)))
        except ValueError:
            return clean
    return clean


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        hidden = strutils.mask_dict_password(value, masking.MASK)
        return {key: _redact_value(part) for key, part in hidden.items()}
    if isinstance(value, list | tuple):
        return [_redact_value(item) for item in value]
    return value
