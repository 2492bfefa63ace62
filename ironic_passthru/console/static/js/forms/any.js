// SPDX-License-Identifier: Apache-2.0
// A field for any JSON value.

import { h } from '../dom.js';
import { parse, stringify } from '../json.js';
import { leafErrors, shell } from './field.js';

export class InvalidJSON extends Error {}

export function anyField(context) {
  const control = h('textarea', { rows: 3, spellcheck: 'false', class: 'code' });
  const parts = shell(context, control);
  const errors = leafErrors(parts.error, () => control);
  return {
    element: parts.element,
    read() {
      if (control.value.trim() === '') return undefined;
      try {
        return parse(control.value);
      } catch (error) {
        errors.place([], `This is not JSON: ${error.message}. Put text in double quotes.`);
        control.focus();
        throw new InvalidJSON(`${context.label} is not JSON`);
      }
    },
    write(value) {
      control.value = value === undefined ? '' : stringify(value, 2);
    },
    ...errors,
    place(tokens, text) {
      const where = tokens.length ? `At /${tokens.join('/')}: ` : '';
      return errors.place([], where + text);
    },
  };
}
