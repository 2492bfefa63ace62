// SPDX-License-Identifier: Apache-2.0
// Creation of elements. Data becomes text nodes and attributes, never markup.

let lastId = 0;

// Return an id that is unique in the document.
export function newId(prefix = 'id') {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

// Return an element. Attributes named on... with a function are listeners;
// null, undefined and false omit an attribute or a child.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') {
      element.addEventListener(name.slice(2), value);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

export function button(text, onclick, attributes = {}) {
  return h('button', { type: 'button', onclick, ...attributes }, text);
}

// Return a table that becomes a list of cards on narrow screens.
export function table(caption, columns, rows) {
  return h(
    'table',
    { class: 'stack' },
    h('caption', { class: 'hidden-text' }, caption),
    h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, rows.map((cells) => tableRow(columns, cells))),
  );
}

export function tableRow(columns, cells) {
  return h('tr', {}, cells.map((cell, index) => h(
    index === 0 ? 'th' : 'td',
    { 'data-label': columns[index], scope: index === 0 ? 'row' : null },
    cell,
  )));
}

export function definitions(pairs) {
  return h('dl', { class: 'facts' }, pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

// Return text whose double backquotes mark code.
export function marked(text) {
  return text.split('``').map((part, index) => (index % 2 ? h('code', {}, part) : part));
}

// Let screen readers announce a text.
export function announce(text) {
  document.getElementById('announcements').textContent = text;
}
