// SPDX-License-Identifier: Apache-2.0
// Fields for text, numbers, booleans and choices of constants.

import { button, h, replace } from '../dom.js';
import { equal, readNumber, stringify } from '../json.js';
import { leafErrors, shell } from './field.js';
import { isSecret } from './schema.js';

const INPUT_TYPES = { date: 'date', email: 'email', uri: 'url' };

export function textField(context) {
  const { schema } = context;
  const secret = context.secret || isSecret(schema);
  const numeric = schema.type === 'integer' || schema.type === 'number';
  let control = h('input', {
    type: secret ? 'password' : INPUT_TYPES[schema.format] || 'text',
    inputmode: numeric ? 'decimal' : null,
    autocomplete: secret ? 'new-password' : 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    class: numeric ? 'short' : null,
  });
  const parts = shell(context, control);
  if (secret) parts.holder.append(revealButton(() => control, context.label));

  // An input drops line feeds, which certificates and scripts need.
  const useLines = () => {
    if (control instanceof HTMLTextAreaElement) return;
    const area = h('textarea', { id: control.id, rows: 6, spellcheck: 'false', class: secret ? 'secret' : null });
    area.value = control.value;
    parts.describe(area);
    control.replaceWith(area);
    control = area;
  };
  control.addEventListener('paste', (event) => {
    const text = event.clipboardData.getData('text/plain');
    if (numeric || !text.trimEnd().includes('\n')) return;
    event.preventDefault();
    useLines();
    control.setRangeText(text, 0, control.value.length, 'end');
    control.focus();
  });
  return {
    element: parts.element,
    read() {
      // Empty text is a value only where the user asked for one.
      if (control.value === '' && !context.place) return undefined;
      return numeric ? readNumber(control.value.trim()) : control.value;
    },
    write(value) {
      const text = typeof value === 'string' ? value : stringify(value ?? undefined) ?? '';
      if (text.includes('\n')) useLines();
      control.value = text;
    },
    ...leafErrors(parts.error, () => control),
  };
}

function revealButton(control, label) {
  const toggle = button('Show', () => {
    const target = control();
    const reveal = toggle.textContent === 'Show';
    target.classList.toggle('revealed', reveal);
    if (target instanceof HTMLInputElement) target.type = reveal ? 'text' : 'password';
    toggle.textContent = reveal ? 'Hide' : 'Show';
  }, { class: 'small', 'aria-label': `Show or hide ${label}` });
  return toggle;
}

// A choice of constants; no choice omits the value.
export function enumField(context, values) {
  const { schema, required } = context;
  const none = required ? 'Choose…' : 'Not set';
  const hasDefault = schema.default !== undefined && schema.default !== null;
  const control = h(
    'select',
    {},
    h('option', { value: '' }, hasDefault ? `Default (${text(schema.default)})` : none),
    values.map((value, index) => h('option', { value: index }, text(value))),
  );
  const parts = shell(context, control);
  // The name of an alternative: it is always sent.
  if (values.length === 1) control.value = '0';
  return {
    element: parts.element,
    read: () => (control.value === '' ? undefined : values[Number(control.value)]),
    write(value) {
      const index = values.findIndex((each) => equal(each, value));
      control.value = index < 0 ? '' : String(index);
    },
    ...leafErrors(parts.error, () => control),
  };
}

function text(value) {
  return typeof value === 'string' ? value : stringify(value);
}

// A checkbox if there is a default, otherwise a choice that can be omitted.
export function booleanField(context) {
  const initial = context.schema.default;
  if (typeof initial !== 'boolean') return enumField(context, [true, false]);
  const control = h('input', { type: 'checkbox' });
  control.checked = initial;
  const parts = shell(context, control, { inline: true });
  return {
    element: parts.element,
    read: () => (control.checked === initial && !context.required ? undefined : control.checked),
    write(value) {
      control.checked = typeof value === 'boolean' ? value : initial;
    },
    ...leafErrors(parts.error, () => control),
  };
}

export function nullField(context) {
  const element = h('p', { class: 'help', tabindex: '-1' }, 'The value null is sent.');
  const parts = shell(context, element);
  replace(parts.holder, element);
  return {
    element: parts.element,
    read: () => null,
    write() {},
    ...leafErrors(parts.error, () => element),
  };
}
