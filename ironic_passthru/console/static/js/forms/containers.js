// SPDX-License-Identifier: Apache-2.0
// Fields for objects, maps and arrays.

import { button, h, newId } from '../dom.js';
import { isObject } from '../json.js';
import { group } from './field.js';

// More are added by the user.
const MAX_FIRST_ROWS = 20;

// Return the field of a model. build() makes the fields of its properties.
export function objectField(context, build) {
  const { schema } = context;
  const required = new Set(schema.required || []);
  const fields = new Map(Object.entries(schema.properties || {}).map(([name, each]) => [
    name,
    build({
      ...context,
      schema: each,
      label: name,
      required: required.has(name),
      secret: context.secretNames.has(name),
      place: null,
    }),
  ]));
  // Parameters of **kwargs, and fields that a model allows beside its own.
  const extra = schema.additionalProperties;
  const other = extra === true || isObject(extra) ? mapField({
    ...context,
    schema: { additionalProperties: extra, description: '' },
    label: context.place === 'top' ? 'Further parameters' : 'Further fields',
    required: false,
    place: null,
  }, build) : null;
  const elements = [...fields.values()].map((field) => field.element);
  if (other) elements.push(other.element);
  const { element, error } = ['top', 'alternative'].includes(context.place)
    ? bare(context, elements) : group(context, elements);
  return {
    element,
    read() {
      // Unlike an assignment, this accepts every name.
      const value = Object.fromEntries([...fields]
        .map(([name, field]) => [name, field.read()])
        .filter(([, each]) => each !== undefined));
      return other ? { ...value, ...other.read() } : value;
    },
    write(value) {
      const object = isObject(value) ? value : {};
      for (const [name, field] of fields) field.write(Object.hasOwn(object, name) ? object[name] : undefined);
      other?.write(Object.fromEntries(Object.entries(object).filter(([name]) => !fields.has(name))));
    },
    place([name, ...rest], text) {
      const field = fields.get(name);
      if (field) return field.place(rest, text);
      const found = name !== undefined && other?.place([name, ...rest], text);
      if (found) return found;
      error?.show(text);
      return error && element;
    },
    clear() {
      error?.clear();
      for (const field of fields.values()) field.clear();
      other?.clear();
    },
  };
}

// The fields of the form itself, or of an alternative that was chosen, whose
// group shows its errors.
function bare({ schema, place }, elements) {
  const help = place !== 'top' && schema.description && h('p', { class: 'help' }, schema.description);
  return { element: h('div', {}, help, elements), error: null };
}

// A list of fields to which the user adds, and from which they remove.
class Rows {
  constructor(label, make) {
    this.items = [];
    this.list = h('div', { class: 'rows' });
    this.make = make;
    this.adder = button(`Add to ${label}`, () => this.add().element.querySelector('input, select, textarea, button')?.focus(), { class: 'small' });
  }

  add() {
    const item = this.make(this.items.length);
    const remove = button('Remove', () => {
      this.items.splice(this.items.indexOf(item), 1);
      row.remove();
      this.adder.focus();
    }, { class: 'small', 'aria-label': `Remove item ${this.items.length + 1}` });
    const row = h('div', { class: 'row' }, item.element, remove);
    this.items.push(item);
    this.list.append(row);
    return item;
  }

  reset() {
    this.items.length = 0;
    this.list.replaceChildren();
  }
}

export function arrayField(context, build) {
  const { schema, label } = context;
  const rows = new Rows(label, (index) => build({
    ...context, schema: schema.items || {}, label: `${label} ${index + 1}`, required: true, place: 'item',
  }));
  const { element, error } = group(context, rows.list, rows.adder);
  for (let i = 0; context.required && i < Math.min(schema.minItems || 0, MAX_FIRST_ROWS); i += 1) rows.add();
  return {
    element,
    read() {
      // The server reports an item without a value at its place.
      const value = rows.items.map((item) => item.read() ?? null);
      return value.length || context.required ? value : undefined;
    },
    write(value) {
      rows.reset();
      for (const each of Array.isArray(value) ? value : []) rows.add().write(each);
    },
    place([index, ...rest], text) {
      const item = rows.items[Number(index)];
      if (index !== undefined && item) return item.place(rest, text);
      error.show(text);
      return element;
    },
    clear() {
      error.clear();
      rows.items.forEach((item) => item.clear());
    },
  };
}

export function mapField(context, build) {
  const { schema, label } = context;
  const rows = new Rows(label, (index) => {
    const id = newId('name');
    const name = h('input', { id, type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' });
    const value = build({
      ...context,
      schema: isObject(schema.additionalProperties) ? schema.additionalProperties : {},
      label: `Value ${index + 1}`,
      required: true,
      place: 'item',
    });
    const element = h('div', { class: 'pair' }, h('div', { class: 'field' }, h('label', { for: id }, `Name ${index + 1}`), name), value.element);
    return { ...value, element, name };
  });
  const { element, error } = group(context, rows.list, rows.adder);
  return {
    element,
    read() {
      const pairs = rows.items.map((item) => [item.name.value, item.read() ?? null]);
      return pairs.length || context.required ? Object.fromEntries(pairs) : undefined;
    },
    write(value) {
      rows.reset();
      for (const [name, each] of Object.entries(isObject(value) ? value : {})) {
        const item = rows.add();
        item.name.value = name;
        item.write(each);
      }
    },
    place([name, ...rest], text) {
      const item = rows.items.find((each) => each.name.value === name);
      if (item) return item.place(rest, text);
      if (context.required || name === undefined) error.show(text);
      return context.required || name === undefined ? element : null;
    },
    clear() {
      error.clear();
      rows.items.forEach((item) => item.clear());
    },
  };
}
