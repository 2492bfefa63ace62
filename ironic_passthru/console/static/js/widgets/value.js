// SPDX-License-Identifier: Apache-2.0
// A JSON value as a tree, or as a table if it is a list of records.

import { button, h, replace, table, tableRow } from '../dom.js';
import { isObject, stringify } from '../json.js';

const PAGE = 100;
const OPEN_DEPTH = 3;
const MAX_COLUMNS = 8;
const MAX_TEXT = 100_000;

// Return an element for a value.
export function valueView(value, depth = 0) {
  if (Array.isArray(value)) return list(value, depth);
  if (isObject(value)) return object(value, depth);
  return scalar(value);
}

function scalar(value) {
  if (value === null || value === undefined) return h('span', { class: 'json-null' }, 'null');
  if (typeof value === 'string') return h('span', { class: 'json-text' }, value === '' ? '""' : shortened(value, 'text.txt'));
  return h('span', { class: `json-${typeof value}` }, String(value));
}

function object(value, depth) {
  const entries = Object.entries(value);
  if (!entries.length) return h('span', { class: 'json-null' }, '{}');
  const names = depth > 0 && entries.length > 1 && columnNames(entries.map(([, each]) => each));
  if (names) return recordTable('name', names, entries, depth);
  const row = ([name, each]) => h(
    'div',
    { class: 'json-row' },
    h('dt', {}, name),
    h('dd', {}, nested(each, depth)),
  );
  return paged((shown) => h('dl', { class: 'json-object' }, shown), entries, row);
}

function list(value, depth) {
  if (!value.length) return h('span', { class: 'json-null' }, '[]');
  const names = columnNames(value);
  if (names) {
    return recordTable('#', names, value.map((each, index) => [String(index + 1), each]), depth);
  }
  const row = (each) => h('li', {}, nested(each, depth));
  return paged((shown) => h('ol', { class: 'json-list' }, shown), value, row);
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

// Return the names of all fields if the values are records with few names.
function columnNames(values) {
  const names = new Set();
  for (const value of values) {
    if (!isObject(value)) return null;
    for (const name of Object.keys(value)) names.add(name);
    if (names.size > MAX_COLUMNS) return null;
  }
  return names.size > 0 && [...names];
}

// rows: [text of the first column, record].
function recordTable(first, names, rows, depth) {
  const columns = [first, ...names];
  const row = ([key, each]) => tableRow(columns, [
    key,
    ...names.map((name) => (Object.hasOwn(each, name) ? nested(each[name], Math.max(depth, OPEN_DEPTH)) : '')),
  ]);
  return paged((shown) => {
    const element = table('Records', columns, []);
    element.tBodies[0].append(...shown);
    return h('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': 'Table of records' }, element);
  }, rows, row);
}

// Show the first values, and more on request.
// make: returns the element of a value.
function paged(wrap, values, make) {
  const first = values.slice(0, PAGE).map(make);
  const wrapper = wrap(first);
  if (values.length <= PAGE) return wrapper;
  const target = first[0].parentElement;
  let shown = PAGE;
  const more = button('', () => {
    target.append(...values.slice(shown, shown + PAGE).map(make));
    shown += PAGE;
    label();
  });
  const label = () => {
    more.hidden = shown >= values.length;
    more.textContent = `Show more (${shown} of ${values.length} shown)`;
  };
  label();
  return h('div', {}, wrapper, more);
}

// Return the children for a text: browsers need long to lay out megabytes.
function shortened(text, fileName) {
  if (text.length <= MAX_TEXT) return [text];
  const url = URL.createObjectURL(new Blob([text]));
  return [
    text.slice(0, MAX_TEXT),
    h('span', { class: 'muted' }, ` … (${MAX_TEXT} of ${text.length} characters shown) `),
    h('a', { href: url, download: fileName }, 'Download all'),
  ];
}

// Return a value with a switch to its JSON text.
export function resultView(value) {
  const raw = h('pre', { hidden: true, tabindex: '0', 'aria-label': 'JSON' });
  const tree = h('div', { class: 'value' }, valueView(value));
  const isContainer = typeof value === 'object' && value !== null;
  const toggle = button('Show JSON', () => {
    if (!raw.firstChild) replace(raw, ...shortened(stringify(value, 2), 'result.json'));
    raw.hidden = !raw.hidden;
    tree.hidden = !raw.hidden;
    toggle.textContent = raw.hidden ? 'Show JSON' : 'Show values';
  }, { class: 'small' });
  return h('div', { class: 'result' }, tree, raw, isContainer && toggle);
}
