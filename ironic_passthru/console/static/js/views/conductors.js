// SPDX-License-Identifier: Apache-2.0
// All conductors.

import * as api from '../api.js';
import { h, replace, table } from '../dom.js';
import { time } from '../format.js';
import { repeat } from '../polling.js';
import { href } from '../router.js';
import { RefreshError } from '../widgets/error.js';

const REFRESH_SECONDS = 10;
const COLUMNS = ['Host', 'State', 'Group', 'Drivers', 'Last heartbeat'];

export async function conductors({ signal }) {
  const place = h('div', {});
  const update = async () => {
    // A link that has the focus must not disappear.
    if (place.contains(document.activeElement)) return;
    const found = await api.get('v1/conductors', { query: [['detail', 'True']], signal });
    replace(place, table('Conductors', COLUMNS, found.conductors.map(cells)));
  };
  const refreshError = new RefreshError();
  await update();
  repeat(update, { signal, seconds: REFRESH_SECONDS, onError: refreshError.show });
  return {
    title: 'Conductors',
    content: h('div', {}, h('h1', {}, 'Conductors'), refreshError.element, place),
  };
}

function cells(conductor) {
  const links = conductor.drivers.map((name) => h('li', {}, h('a', { href: href(['drivers', name]) }, name)));
  return [
    conductor.hostname,
    conductor.alive ? h('span', { class: 'badge state-succeeded' }, 'alive') : h('span', { class: 'badge state-failed' }, 'not alive'),
    conductor.conductor_group || h('span', { class: 'muted' }, 'default'),
    h('ul', { class: 'plain' }, links),
    time(conductor.updated_at),
  ];
}
