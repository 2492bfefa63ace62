# SPDX-License-Identifier: Apache-2.0
"""Vendor interface of the Acme chassis, simulated in memory."""

from ironic.common import exception
from ironic.common.i18n import _
from ironic.drivers import base
from oslo_config import cfg

OPTIONS = [cfg.IntOpt('slots', default=8, help='Number of slots.')]

CONF = cfg.CONF
CONF.register_opts(OPTIONS, group='acme_chassis')


class AcmeChassisVendor(base.VendorInterface):
    def __init__(self):
        super().__init__()
        self._leds = {}

    def get_properties(self):
        return {'slot': 'Number of a slot, from 1.'}

    def validate(self, task, method, **kwargs):
        if method == 'blink' and 'acme_slot' not in task.node.driver_info:
            raise exception.MissingParameterValue(_('acme_slot is missing'))

    def driver_validate(self, method, **kwargs):
        slots = CONF.acme_chassis.slots
        if not 1 <= int(kwargs.get('slot', 1)) <= slots:
            raise exception.InvalidParameterValue(
                _('slot must be from 1 to %d') % slots
            )

    @base.passthru(['POST'], description='Let the LED of a node blink.')
    def blink(self, task):
        self._leds[task.node.driver_info['acme_slot']] = 'blinking'

    @base.driver_passthru(
        ['PUT'], async_call=False, description='Switch the LED of a slot.'
    )
    def set_led(self, context, slot, state):
        self._leds[int(slot)] = state

    @base.driver_passthru(
        ['GET'], async_call=False, description='Return the LEDs that are on.'
    )
    def leds(self, context):
        return {slot: state for slot, state in self._leds.items()}
