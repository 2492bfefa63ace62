// SPDX-License-Identifier: Apache-2.0
// One operation.

import { h } from '../dom.js';
import { href } from '../router.js';
import { OperationPanel } from '../widgets/operation.js';

export async function operation({ parameters: { id }, signal }) {
  const panel = new OperationPanel(id, signal);
  const record = await panel.start();
  const { driver, method } = record;
  return {
    title: `Operation: ${method} of ${driver}`,
    content: h(
      'div',
      {},
      h('nav', { class: 'path', 'aria-label': 'Path' }, h('a', { href: href(['operations']) }, 'Operations')),
      h('h1', {}, method),
      h('p', {}, 'Driver ', h('a', { href: href(['drivers', driver]) }, driver), ', ', h('a', { href: href(['drivers', driver, method]) }, 'call again')),
      panel.element,
    ),
  };
}
