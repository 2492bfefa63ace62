// SPDX-License-Identifier: Apache-2.0
// The methods of a driver, with a search.

import * as api from '../api.js';
import { announce, definitions, h, newId } from '../dom.js';
import { href } from '../router.js';
import { badges } from './method-facts.js';

export async function methods({ parameters: { driver }, signal }) {
  const base = `v1/${api.path('drivers', driver)}`;
  const [found, properties] = await Promise.all([
    api.get(`${base}/vendor_passthru/methods`, { query: [['detail', 'True']], signal }),
    // Other rules may apply to the properties.
    api.get(`${base}/properties`, { signal }).catch(() => ({})),
  ]);
  const items = Object.entries(found).map(([name, details]) => ({
    text: `${name} ${details.description} ${details.long_description}`.toLowerCase(),
    element: item(driver, name, details),
  }));
  return {
    title: driver,
    content: h(
      'div',
      {},
      h('nav', { class: 'path', 'aria-label': 'Path' }, h('a', { href: href(['drivers']) }, 'Drivers')),
      h('h1', {}, driver),
      search(items),
      h('ul', { class: 'methods' }, items.map((each) => each.element)),
      Object.keys(properties).length > 0 && h(
        'details',
        { class: 'section' },
        h('summary', {}, 'Properties of the driver'),
        definitions(Object.entries(properties)),
      ),
    ),
  };
}

function item(driver, name, details) {
  return h(
    'li',
    {},
    h('a', { href: href(['drivers', driver, name]) }, name),
    h('span', { class: 'badges' }, badges(details)),
    h('p', {}, details.description),
  );
}

function search(items) {
  const id = newId('search');
  const count = h('p', { class: 'muted', id: `${id}-count` }, `${items.length} methods`);
  const input = h('input', {
    id,
    type: 'search',
    autocomplete: 'off',
    'aria-describedby': `${id}-count`,
    oninput: () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { text, element } of items) {
        element.hidden = !words.every((word) => text.includes(word));
        if (!element.hidden) shown += 1;
      }
      count.textContent = words.length ? `${shown} of ${items.length} methods` : `${items.length} methods`;
      announce(count.textContent);
    },
  });
  return h('div', { class: 'field search' }, h('label', { for: id }, 'Search methods'), input, count);
}
