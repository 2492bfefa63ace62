// SPDX-License-Identifier: Apache-2.0
// The parameters of a call as JSON text.

import { h, newId, replace } from '../dom.js';
import { isObject, parse, pointerTokens, stringify } from '../json.js';

export class JSONEditor {
  constructor() {
    const id = newId('editor');
    this.area = h('textarea', {
      id, rows: 10, spellcheck: 'false', class: 'code', 'aria-describedby': `${id}-help`,
    });
    this.element = h(
      'div',
      { class: 'field' },
      h('label', { for: id }, 'Parameters as JSON'),
      this.area,
      h('p', { id: `${id}-help`, class: 'help' }, 'The server receives this text unchanged.'),
    );
  }

  get text() {
    return this.area.value;
  }

  write(value) {
    this.area.value = stringify(value, 2);
    this.area.rows = Math.min(30, Math.max(8, this.area.value.split('\n').length + 1));
  }

  // Return the object. Raises Error with a message for users.
  value() {
    let found = null;
    try {
      found = this.text.trim() ? parse(this.text) : {};
    } catch (error) {
      throw new Error(`The parameters are not JSON: ${error.message}`);
    }
    if (!isObject(found)) throw new Error('The parameters are not a JSON object');
    return found;
  }

  // Select the value of a pointer, or the innermost one that exists.
  select(pointer) {
    const span = locate(this.text, pointerTokens(pointer));
    this.area.focus();
    if (span) this.area.setSelectionRange(...span);
  }
}

// Return start and end of the last name of a pointer that a JSON text
// contains. Names are sought in order, which suffices for indented text.
function locate(text, tokens) {
  let found = null;
  let from = 0;
  for (const token of tokens) {
    const name = stringify(token);
    const start = text.indexOf(name, from);
    if (start >= 0) {
      from = start + name.length;
      found = [start, from];
    }
  }
  return found;
}

// Return a list of errors whose entries lead to their places.
// errors: [{text, focus}].
export function errorSummary(title, errors) {
  return h(
    'div',
    { class: 'panel error-panel', role: 'alert', tabindex: '-1' },
    h('h3', {}, title),
    h('ul', {}, errors.map(({ text, focus }) => {
      const item = h('li', {});
      replace(item, focus ? h('button', { type: 'button', class: 'link', onclick: focus }, text) : text);
      return item;
    })),
  );
}
