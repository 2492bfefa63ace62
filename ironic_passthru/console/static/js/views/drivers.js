// SPDX-License-Identifier: Apache-2.0
// All drivers.

import * as api from '../api.js';
import { h, table } from '../dom.js';
import { href } from '../router.js';

export async function drivers({ signal }) {
  const { drivers: found } = await api.get('v1/drivers', { signal });
  const rows = found.map((driver) => [
    h('a', { href: href(['drivers', driver.name]) }, driver.name),
    driver.hosts.length ? driver.hosts.join(', ') : h('span', { class: 'muted' }, 'none'),
  ]);
  return {
    title: 'Drivers',
    content: h(
      'div',
      {},
      h('h1', {}, 'Drivers'),
      h('p', { class: 'lead' }, 'Select a driver to see its vendor methods.'),
      rows.length ? table('Drivers', ['Driver', 'Live conductors'], rows)
        : h('p', { class: 'notice' }, 'No conductor has published a driver, or you may see none.'),
    ),
  };
}
