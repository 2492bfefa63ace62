# SPDX-License-Identifier: Apache-2.0
"""A vendor interface written for Ironic, after its imports are replaced."""

from http import client as http_client

from ironic_passthru.compat import _
from ironic_passthru.compat import base
from ironic_passthru.compat import exception


class ChassisLocked(exception.IronicException):
    _msg_fmt = _('Chassis %(chassis)s is locked by %(owner)s.')
    code = http_client.LOCKED


class ChassisNotFound(exception.NotFound):
    _msg_fmt = _('Chassis %(chassis)s does not exist.')


class ChassisOnFire(exception.IronicException):
    _msg_fmt = _('Chassis %(chassis)s is on fire.')


PROPERTIES = {
    'zeta_address': _('Address of the chassis manager. Required.'),
    'zeta_username': _('User name for it. Optional.'),
}


class ZetaChassisVendor(base.VendorInterface):
    """Vendor methods of Zeta's blade chassis."""

    def __init__(self):
        super().__init__()
        self.power_caps = {}
        self.discovered = []

    def get_properties(self):
        return PROPERTIES

    def validate(self, task, method=None, **kwargs):
        # Node methods are checked here; a driver's never come by.
        raise exception.UnsupportedDriverExtension(method)

    def driver_validate(self, method, **kwargs):
        if method == 'set_power_cap':
            missing = [
                name for name in ('chassis', 'watts') if name not in kwargs
            ]
            if missing:
                raise exception.MissingParameterValue(
                    _('The following parameters are missing: %s')
                    % ', '.join(missing)
                )
            try:
                watts = int(kwargs['watts'])
            except ValueError:
                raise exception.InvalidParameterValue(
                    _('watts must be a number, not %s') % kwargs['watts']
                ) from None
            if not 0 <= watts <= 9000:
                raise exception.InvalidParameterValue(
                    _('watts must be between 0 and 9000')
                )

    @base.driver_passthru(
        ['POST'],
        async_call=False,
        description=_('Limit the power of a chassis.'),
    )
    def set_power_cap(self, ctxt, **kwargs):
        self.power_caps[kwargs['chassis']] = int(kwargs['watts'])
        return {
            'caps': self.power_caps,
            'http_method': kwargs.get('http_method'),
        }

    @base.driver_passthru(['GET', 'DELETE'], 'power_caps', async_call=False)
    def _manage_power_caps(self, context, http_method, chassis=None):
        """Read or clear the power limits.

        Without a chassis those of all.
        """
        if http_method == 'DELETE':
            if chassis not in self.power_caps:
                raise exception.NotFound(
                    _('There is no limit for %s') % chassis
                )
            del self.power_caps[chassis]
            return None
        return self.power_caps

    @base.driver_passthru(['POST'])
    def discover(self, context, subnet, depth=1, **kwargs):
        self.discovered.append((subnet, depth, sorted(kwargs)))

    @base.driver_passthru(['GET'], async_call=False, attach=True)
    def fru_log(self, request, chassis):
        return f'FRU log of {chassis}\n'

    @base.driver_passthru(['PUT'], method='lock', async_call=False)
    def lock_chassis(self, context, chassis, owner='nobody'):
        if chassis == 'gone':
            raise exception.InvalidParameterValue(err=chassis, code=410)
        if chassis == 'unknown':
            raise ChassisNotFound(chassis=chassis)
        if chassis == 'remote':
            raise exception.UnsupportedDriverExtension(
                driver='zeta', extension='lock'
            )
        if chassis == 'node':
            raise exception.NodeNotFound(node=chassis)
        if chassis in ('inspected', 'emptied'):
            return self._inspect(chassis)
        if chassis == 'burning':
            raise ChassisOnFire(chassis=chassis)
        if chassis == 'broken':
            raise exception.VendorPassthruException(
                _('The chassis manager does not answer.')
            )
        raise ChassisLocked(chassis=chassis, owner=owner)

    def _inspect(self, chassis):
        try:
            if chassis == 'inspected':
                raise exception.NodeNotFound(node=chassis)
            return {}[chassis]
        except exception.IronicException as e:
            if e.code == http_client.NOT_FOUND:
                return 'absent'
            raise
        except KeyError as e:
            raise exception.VendorPassthruException(
                _('There is no fan.')
            ) from e

    @base.passthru(['POST'], method='blink', async_call=False)
    def blink_node(self, task, seconds):
        raise AssertionError('a method of nodes is not offered here')
