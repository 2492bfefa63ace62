// SPDX-License-Identifier: Apache-2.0
// Parts that all fields have: label, help and error.
//
// A field is an object with:
//   element            what the page shows
//   read()             the value; undefined if it is omitted
//   write(value)       show a value; undefined empties the field
//   place(tokens, text)  show an error at the field of a JSON pointer; return
//                      what can be focused
//   clear()            hide errors

import { h, newId, replace } from '../dom.js';
import { stringify } from '../json.js';
import { bounds, isSecret, typeName } from './schema.js';

// The error of one field, or of several lines.
export class FieldError {
  constructor(id = newId('error')) {
    this.id = id;
    this.element = h('p', { id, class: 'field-error', hidden: true });
  }

  show(text) {
    const lines = this.element.hidden ? [] : [this.element.textContent];
    replace(this.element, [...lines, text].join(' '));
    this.element.hidden = false;
  }

  clear() {
    this.element.hidden = true;
    replace(this.element);
  }
}

// Return the line about type, bounds and default.
export function facts({ schema, root }) {
  const parts = [typeName(schema, root), bounds(schema)];
  const secret = isSecret(schema);
  if (schema.default !== undefined && schema.default !== null && !secret) {
    parts.push(`default ${typeof schema.default === 'string' ? schema.default || '""' : stringify(schema.default)}`);
  }
  if (Array.isArray(schema.examples) && schema.examples.length && !secret) {
    const [first] = schema.examples;
    parts.push(`for example ${typeof first === 'string' ? first : stringify(first)}`);
  }
  return parts.filter(Boolean).join(', ');
}

export function labelText({ label, required, place }) {
  return [label, required && !place && h('span', { class: 'required' }, ' (required)')];
}

// Return label, control and texts of a scalar; the control refers to them.
export function shell(context, control, { inline = false } = {}) {
  const error = new FieldError();
  const helpId = newId('help');
  control.id ||= newId('field');
  const describe = (target) => {
    target.setAttribute('aria-describedby', `${helpId} ${error.id}`);
    if (context.required) target.setAttribute('aria-required', 'true');
  };
  describe(control);
  const label = h('label', { for: control.id }, labelText(context));
  const holder = h('div', { class: 'control' }, control);
  const element = h(
    'div',
    { class: inline ? 'field inline' : 'field' },
    label,
    holder,
    h(
      'p',
      { id: helpId, class: 'help' },
      context.schema.description && h('span', {}, `${context.schema.description} `),
      h('span', { class: 'facts-line' }, facts(context)),
    ),
    error.element,
  );
  return { element, error, holder, describe };
}

// Return place() and clear() of a field without children.
export function leafErrors(error, focusable) {
  return {
    place(_tokens, text) {
      error.show(text);
      focusable().setAttribute('aria-invalid', 'true');
      return focusable();
    },
    clear() {
      error.clear();
      focusable().removeAttribute('aria-invalid');
    },
  };
}

// Return the fieldset of a field with children.
export function group(context, ...children) {
  const error = new FieldError();
  const element = h(
    'fieldset',
    { 'aria-describedby': error.id, tabindex: '-1' },
    h('legend', {}, labelText(context)),
    context.schema.description && h('p', { class: 'help' }, context.schema.description),
    error.element,
    children,
  );
  return { element, error };
}
