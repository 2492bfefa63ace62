// SPDX-License-Identifier: Apache-2.0
// A JSON value as a tree, or as a table if it is a list of records.

import { button, h, table, tableRow } from '../dom.js';
import { isObject, stringify } from '../json.js';

const PAGE = 100;
const OPEN_DEPTH = 3;
const MAX_COLUMNS = 8;

// Return an element for a value.
export function valueView(value, depth = 0) {
  if (Array.isArray(value)) return list(value, depth);
  if (isObject(value)) return object(value, depth);
  return scalar(value);
}

function scalar(value) {
  if (value === null || value === undefined) return h('span', { class: 'json-null' }, 'null');
  if (typeof value === 'string') return h('span', { class: 'json-text' }, value === '' ? '""' : value);
  return h('span', { class: `json-${typeof value}` }, String(value));
}

function object(value, depth) {
  const entries = Object.entries(value);
  if (!entries.length) return h('span', { class: 'json-null' }, '{}');
  const records = entries.map(([, each]) => each);
  if (entries.length > 1 && depth > 0 && areRecords(records)) {
    return recordTable(entries.map(([name, each]) => ['name', name, each]), depth);
  }
  const rows = entries.map(([name, each]) => h(
    'div',
    { class: 'json-row' },
    h('dt', {}, name),
    h('dd', {}, nested(each, depth)),
  ));
  return paged((shown) => h('dl', { class: 'json-object' }, shown), rows);
}

function list(value, depth) {
  if (!value.length) return h('span', { class: 'json-null' }, '[]');
  if (areRecords(value)) {
    return recordTable(value.map((each, index) => ['#', String(index + 1), each]), depth);
  }
  const rows = value.map((each) => h('li', {}, nested(each, depth)));
  return paged((shown) => h('ol', { class: 'json-list' }, shown), rows);
}

// Deep containers are closed, and made when they are opened.
function nested(value, depth) {
  const isContainer = Array.isArray(value) || isObject(value);
  if (!isContainer || depth < OPEN_DEPTH) return valueView(value, depth + 1);
  const count = Object.keys(value).length;
  if (!count) return valueView(value, depth + 1);
  const details = h(
    'details',
    {},
    h('summary', {}, Array.isArray(value) ? `${count} items` : `${count} fields`),
  );
  details.addEventListener('toggle', () => details.append(valueView(value, depth + 1)), { once: true });
  return details;
}

function areRecords(values) {
  if (!values.length || !values.every(isObject)) return false;
  const names = new Set(values.slice(0, PAGE).flatMap((each) => Object.keys(each)));
  return names.size > 0 && names.size <= MAX_COLUMNS;
}

// rows: [name of the first column, text of it, record].
function recordTable(rows, depth) {
  const names = [...new Set(rows.flatMap(([, , each]) => Object.keys(each)))];
  const columns = [rows[0][0], ...names];
  const elements = rows.map(([, key, each]) => tableRow(columns, [
    key,
    ...names.map((name) => (name in each ? nested(each[name], Math.max(depth, OPEN_DEPTH)) : '')),
  ]));
  return paged((shown) => {
    const element = table('Records', columns, []);
    element.tBodies[0].append(...shown);
    return h('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': 'Table of records' }, element);
  }, elements);
}

// Show the first elements, and more on request.
function paged(wrap, elements) {
  if (elements.length <= PAGE) return wrap(elements);
  const wrapper = wrap(elements.slice(0, PAGE));
  const target = elements[0].parentElement;
  let shown = PAGE;
  const more = button('', () => {
    target.append(...elements.slice(shown, shown + PAGE));
    shown += PAGE;
    label();
  });
  const label = () => {
    more.hidden = shown >= elements.length;
    more.textContent = `Show more (${shown} of ${elements.length} shown)`;
  };
  label();
  return h('div', {}, wrapper, more);
}

// Return a value with a switch to its JSON text.
export function resultView(value) {
  const raw = h('pre', { hidden: true, tabindex: '0', 'aria-label': 'JSON' });
  const tree = h('div', { class: 'value' }, valueView(value));
  const isContainer = typeof value === 'object' && value !== null;
  const toggle = button('Show JSON', () => {
    raw.textContent ||= stringify(value, 2);
    raw.hidden = !raw.hidden;
    tree.hidden = !raw.hidden;
    toggle.textContent = raw.hidden ? 'Show JSON' : 'Show values';
  }, { class: 'small' });
  return h('div', { class: 'result' }, tree, raw, isContainer && toggle);
}
