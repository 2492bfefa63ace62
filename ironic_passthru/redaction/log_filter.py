# SPDX-License-Identifier: Apache-2.0
"""What is logged, without passwords, whoever logs it and in whatever form.

Each handler gets a filter, which masks message and error before anything is
formatted, and a formatter around its own, which masks what a formatter adds:
lines of source code, a summary of the error at hand, fields of JSON. Lines of
this service get no such summary.

Control characters of callers, drivers, BMCs, brokers and libraries are
escaped, so no text can start a record of its own or control a terminal:

- The filter escapes the message, and the texts and notes of the exception,
  of which it logs a copy: the line breaks of a traceback are then those
  between its frames and exceptions.
- A traceback that another process has formatted is indented.
- The formatter escapes what the format string inserts: names of threads,
  fields of the request context, summaries of exceptions.

Format strings themselves, and the colors of oslo.log, stay as they are.
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

# Between a name and its value: in a header, in a dictionary, in a pair, and
# in a text that quotes one of these.
_BETWEEN = r"""(?:\\*['"]\s*,|(?:\\*['"])?\s*[:=])\s*"""
_TOKEN = re.compile(
    r'((?:x[-_](?:auth|service|subject)[-_]token|(?<![?&])api[-_]?key)'
    rf"""{_BETWEEN}(?:b?\\*['"])?)[^\s'",;]+""",
    re.IGNORECASE,
)
# One word follows these schemes. Others may have a list, or be none: there
# all is masked up to the quote, or else to the end of the line.
_AUTHORIZATION = re.compile(
    rf"""(authorization{_BETWEEN})(?:"""
    r"""((?:b?\\*['"])?(?:basic|bearer|negotiate|ntlm|token)\s+)[^\s'",;]+"""
    r"""|(b?')(?:[^'\\\r\n]|\\+[^\\\r\n])+"""
    r"""|(b?")(?:[^"\\\r\n]|\\+[^\\\r\n])+"""
    r"""|(b?\\+['"])?[^'\r\n]+)""",
    re.IGNORECASE,
)
# Of a name that long nobody would know what it tells.
_IN_QUERY = re.compile(r"""([?&]([^\s'"<>?&=]{1,100})=)[^\s'"<>&#]+""")

#: Has a record left as it is: for what is masked by better means, and must
#: stay whole.
WHOLE = {'ironic_passthru_whole': True}

# What the names of the loggers of this service begin with.
_OURS = __name__.partition('.')[0]

# An attribute of records by which oslo.log colors its lines.
_COLOR = 'color'

_DONE = '_ironic_passthru_masked'
_LOST = 'A line of the log is left out: its secrets could not be masked'


def install() -> None:
    """Mask what all handlers of this process write.

    Call it again when there may be new ones.
    """
    for handler in _handlers():
        try:
            _install_on(handler)
        except Exception as error:
            # It may be of any class; the others must be masked, and the
            # service must not end by it.
            LOG.error(
                'What a handler of class %s writes is not masked: %s',
                type(handler).__qualname__,
                type(error).__name__,
            )


def _install_on(handler: logging.Handler) -> None:
    if not any(isinstance(one, _Mask) for one in handler.filters):
        handler.addFilter(_Mask())
    if not isinstance(handler.formatter, _Formatter):
        handler.setFormatter(_Formatter(handler.formatter))


def _handlers() -> Iterator[logging.Handler]:
    root = logging.getLogger()
    for logger in [root, *logging.Logger.manager.loggerDict.values()]:
        # There are placeholders among them; and other threads may add and
        # remove handlers meanwhile.
        yield from tuple(getattr(logger, 'handlers', ()))


def masked(text: str) -> str:
    """Return a text with ``***`` in the place of passwords.

    They are those that oslo.utils finds, those in URLs, their queries
    included, and in headers of HTTP, and the secrets of the call that this
    thread works on.
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
    if masking.is_telling(parse.unquote_plus(match[2])):
        return f'{match[1]}{masking.MASK}'
    return match[0]


class _Mask(logging.Filter):
    """Masks a record, once, for all handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not (_is_whole(record) or getattr(record, _DONE, False)):
            setattr(record, _DONE, True)
            try:
                _mask(record)
            except Exception:
                # Whatever it is, the program that logs must not suffer.
                record.msg, record.args = _LOST, ()
                record.exc_info = record.exc_text = record.stack_info = None
        return True


def _is_whole(record: logging.LogRecord) -> bool:
    return all(getattr(record, name, False) for name in WHOLE)


def _mask(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except Exception:
        # logging would print the arguments, and they may be secret.
        message = f'{record.msg} (its arguments do not fit)'
        record.msg, record.args = message, ()
    # The module warnings ends its messages with a line break.
    clean = _line(message.rstrip('\n'))
    if clean != message:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[1] is not None:
        error = exceptions.cleaned(record.exc_info[1], _line)
        record.exc_info = (type(error), error, error.__traceback__)
        # A formatter without this filter may have set it.
        record.exc_text = None
    elif record.exc_text:
        # From another process, so its structure is unknown.
        record.exc_text = _indented(record.exc_text)
    if record.stack_info:
        record.stack_info = masked(record.stack_info)


def _line(text: str) -> str:
    # Passwords are searched in the text as it was written.
    return control_characters.escape(masked(text))


def _indented(text: str) -> str:
    lines = masked(text).split('\n')
    return '\n'.join(f'  {control_characters.escape(one)}' for one in lines)


class _Formatter(logging.Formatter):
    """Masks what another formatter makes of a record.

    :param inner: the other one; by default that of :mod:`logging`.
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
            # Formatters keep it there, for other handlers.
            record.exc_text = _safely_masked(record.exc_text)
        return _safely_masked(formatted)

    def formatException(self, *args: Any, **kwargs: Any) -> Any:
        return _safely_masked(self._inner.formatException(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _escape_fields(inner: logging.Formatter) -> None:
    """Escape what a formatter inserts into its format string."""
    original = inner.formatMessage

    # Formatters of oslo.log add fields to a record while they format it, so
    # no earlier moment has all of them.
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
    """Return what a formatter makes of a record.

    Formatters of oslo.log add the first line of the error at hand to what
    is logged of a failure. Lines of this service say of an error what they
    mean to say: the rest may be anything, and secret.
    """
    if not record.name.startswith(_OURS):
        return inner.format(record)
    try:
        # One that they leave out.
        raise ValueError
    except ValueError:
        return inner.format(record)


def _safely_masked(formatted: Any) -> Any:
    try:
        return _masked_output(formatted)
    except Exception:
        return _LOST


def _masked_output(formatted: Any) -> Any:
    if not isinstance(formatted, str):
        # Some formatters make an object for a library that sends it.
        return _masked_value(formatted)
    clean = masked(formatted)
    if clean != formatted and formatted.startswith('{'):
        try:
            # It must stay JSON, whatever quotes are masked within it.
            return json.dumps(_masked_value(json.loads(formatted)))
        except ValueError:
            return clean
    return clean


def _masked_value(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        hidden = strutils.mask_dict_password(value, masking.MASK)
        return {key: _masked_value(part) for key, part in hidden.items()}
    if isinstance(value, list | tuple):
        return [_masked_value(item) for item in value]
    return value
