# SPDX-License-Identifier: Apache-2.0
"""The exceptions of Ironic: their bases, statuses and texts."""

from ironic_passthru import errors
from ironic_passthru.compat import exception
from ironic_passthru.tests import base

# Facts of ironic.common.exception 38.0.0 and 39.0.0: name, base, status.
FACTS = (
    ('BootModeNotAllowed', 'Invalid', 400),
    ('ClientSideError', 'IronicException', 400),
    ('ConsoleSubprocessFailed', 'ConsoleError', 500),
    ('DracOperationError', 'DriverOperationError', 500),
    ('Duplicate', 'IronicException', 500),
    ('ExclusiveLockRequired', 'NotAuthorized', 403),
    ('HardwareInspectionFailure', 'IronicException', 500),
    ('IPMIFailure', 'IronicException', 500),
    ('ImageChecksumFileReadFailure', 'InvalidImage', 503),
    ('InstanceAssociated', 'Conflict', 409),
    ('InvalidIPv4Address', 'IronicException', 500),
    ('InvalidMAC', 'Invalid', 400),
    ('InvalidState', 'Conflict', 409),
    ('MACAlreadyExists', 'Conflict', 409),
    ('MissingParameterValue', 'InvalidParameterValue', 400),
    ('NoFreeConductorWorker', 'TemporaryFailure', 503),
    ('NoValidHost', 'NotFound', 404),
    ('NodeAssociated', 'InvalidState', 409),
    ('NodeLocked', 'Conflict', 409),
    ('NodeNotFound', 'NotFound', 404),
    ('NodeTagNotFound', 'IronicException', 500),
    ('NotAcceptable', 'IronicException', 406),
    ('OperationNotPermitted', 'NotAuthorized', 403),
    ('PathNotFound', 'IronicException', 500),
    ('PowerStateFailure', 'InvalidState', 409),
    ('RedfishConnectionError', 'RedfishError', 500),
    ('SNMPFailure', 'DriverOperationError', 500),
    ('StepNotAllowed', 'Invalid', 400),
    ('Unauthorized', 'IronicException', 401),
    ('UnsupportedDriverExtension', 'Invalid', 400),
    ('VendorPassthruException', 'IronicException', 500),
)


class ExceptionTest(base.TestCase):
    """Classes are made when they are first read."""

    def test_bases_and_statuses(self) -> None:
        for name, parent, status in FACTS:
            kind = getattr(exception, name)
            self.assertTrue(issubclass(kind, getattr(exception, parent)), name)
            self.assertEqual(status, kind().code, name)

    def test_a_class_is_made_once(self) -> None:
        # The base is read after its subclass.
        first = exception.NoConsolePid
        self.assertTrue(issubclass(first, exception.ConsoleError))
        self.assertTrue(
            issubclass(
                exception.ConsoleSubprocessFailed, exception.ConsoleError
            )
        )
        self.assertTrue(issubclass(first, exception.ConsoleError))

    def test_aliases(self) -> None:
        self.assertIs(exception.Invalid, exception.BadRequest)
        self.assertIs(exception.NotFound, exception.HTTPNotFound)

    def test_exceptions_that_are_not_of_a_kind(self) -> None:
        for name, other in (
            ('Duplicate', 'Conflict'),
            ('InvalidIPv4Address', 'Invalid'),
            ('NodeTagNotFound', 'NotFound'),
            ('NodeLocked', 'Invalid'),
        ):
            self.assertFalse(
                issubclass(
                    getattr(exception, name), getattr(exception, other)
                ),
                name,
            )

    def test_names_of_other_releases(self) -> None:
        for name, parent in (
            ('ZetaNotFound', 'NotFound'),
            ('ZetaAlreadyExists', 'Conflict'),
            ('InvalidZeta', 'Invalid'),
            ('ZetaFailure', 'IronicException'),
        ):
            kind = getattr(exception, name)
            self.assertIs(kind, getattr(exception, name))
            self.assertTrue(issubclass(kind, getattr(exception, parent)))
            self.assertTrue(issubclass(kind, errors.DriverError))

    def test_names_that_are_not_classes(self) -> None:
        for name in ('wrap_exception', '_MISSING', '__path__'):
            self.assertFalse(hasattr(exception, name), name)

    def test_texts(self) -> None:
        for error, text in (
            (exception.InvalidParameterValue(err='bad'), 'bad'),
            (exception.MissingParameterValue(err='none'), 'none'),
            (exception.InvalidParameterValue('bad'), 'bad'),
            (
                exception.UnsupportedDriverExtension(
                    driver='zeta', extension='x'
                ),
                'Driver zeta does not support x (disabled or not '
                'implemented).',
            ),
            (exception.NodeNotFound(node='n1'), 'Node not found: node=n1'),
            (exception.NodeNotFound(), 'Node not found.'),
            (exception.NodeNotFound('It left.'), 'It left.'),
        ):
            self.assertEqual(text, str(error))

    def test_texts_of_subclasses(self) -> None:
        class Left(exception.NodeNotFound):
            _msg_fmt = '%(node)s left'

        class Bad(exception.InvalidParameterValue):
            _msg_fmt = 'bad: %(name)s'

        self.assertEqual('n1 left', str(Left(node='n1')))
        self.assertEqual('bad: x', str(Bad(name='x')))

    def test_a_status_by_keyword(self) -> None:
        error = exception.InvalidParameterValue('gone', code='410')
        self.assertEqual(410, error.code)
        self.assertEqual(400, exception.InvalidParameterValue.code)

    def test_an_exception_with_the_status_of_another(self) -> None:
        cause = exception.NodeNotFound(node='n1')
        error = exception.IronicException('lookup failed', code=cause.code)
        self.assertEqual(404, error.code)

    def test_codes_for_clients(self) -> None:
        class Full(exception.Conflict):
            status = 507

        class Gone(exception.NotFound):
            code = 410

        for error, code in (
            (exception.InvalidParameterValue('x'), 'invalid_parameter_value'),
            (exception.NodeNotFound(), 'not_found_by_driver'),
            (exception.IronicException('x'), 'driver_error'),
            (Full(), 'conflict'),
            (Gone(), 'vendor_error'),
            (exception.NotFound('x', code=410), 'vendor_error'),
        ):
            self.assertEqual(code, error.client_code)
        self.assertEqual(507, Full().code)
