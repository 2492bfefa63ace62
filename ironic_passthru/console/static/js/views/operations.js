// SPDX-License-Identifier: Apache-2.0
// The list of operations, with filters and live progress.

import * as api from '../api.js';
import { h, newId, table, tableRow } from '../dom.js';
import { elapsed, localInput, time } from '../format.js';
import { ACTIVE, repeat } from '../polling.js';
import { href } from '../router.js';
import { actionButton, RefreshError } from '../widgets/error.js';
import { cancel } from '../widgets/operation.js';
import { ProgressBar, StateBadge } from '../widgets/progress.js';

const STATES = ['queued', 'running', 'succeeded', 'failed', 'unknown', 'cancelled', 'expired'];
const COLUMNS = ['Call', 'State', 'Progress', 'Created', 'Duration', 'Action'];
const LIMIT = 50;
const REFRESH_SECONDS = 2;

// Filters of the list: name, label and type of the input.
const FILTERS = [
  ['driver', 'Driver', 'text'],
  ['method', 'Method', 'text'],
  ['target', 'Target', 'text'],
  ['created_after', 'Created after', 'datetime-local'],
  ['created_before', 'Created before', 'datetime-local'],
  ['conductor', 'Conductor', 'text'],
  ['request_id', 'Request id', 'text'],
];

const TIMES = FILTERS.filter(([, , type]) => type !== 'text').map(([name]) => name);

export async function operations({ query, signal }) {
  const arguments_ = [['limit', LIMIT], ...Object.entries(query)];
  const read = () => api.get('v1/operations', { query: arguments_, signal });
  const list = new OperationList();
  const refreshError = new RefreshError();
  const page = await read();
  list.update(page.operations);
  repeat(async () => list.update((await read()).operations), {
    signal, seconds: REFRESH_SECONDS, onError: refreshError.show,
  });
  const { marker, ...filters } = query;
  const next = page.next && new URL(page.next).searchParams.get('marker');
  return {
    title: 'Operations',
    content: h(
      'div',
      {},
      h('h1', {}, 'Operations'),
      filterForm(query),
      refreshError.element,
      list.element,
      h(
        'p',
        { class: 'pages' },
        marker && h('a', { href: href(['operations'], filters) }, 'Newest'),
        next && h('a', { href: href(['operations'], { ...filters, marker: next }) }, 'Older'),
      ),
    ),
  };
}

class OperationList {
  constructor() {
    this.rows = new Map();
    this.table = table('Operations, newest first', COLUMNS, []);
    this.empty = h('p', { class: 'notice' }, 'There are no operations with these properties.');
    this.element = h('div', {}, this.table, this.empty);
  }

  update(records) {
    const present = new Set(records.map((record) => record.id));
    for (const [id, row] of this.rows) {
      if (!present.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    const body = this.table.tBodies[0];
    records.forEach((record, index) => {
      let row = this.rows.get(record.id);
      if (!row) {
        row = new OperationRow(record);
        this.rows.set(record.id, row);
      }
      row.update(record);
      // A row that stays keeps the focus.
      if (body.rows[index] !== row.element) body.insertBefore(row.element, body.rows[index] || null);
    });
    this.table.hidden = !records.length;
    this.empty.hidden = Boolean(records.length);
  }
}

class OperationRow {
  constructor(record) {
    const name = `${record.method} of ${record.driver}`;
    this.badge = new StateBadge();
    this.bar = new ProgressBar(`Progress of ${name}`);
    this.targets = h('div', { class: 'muted' });
    this.duration = h('span', {});
    this.cancel = actionButton('Cancel', async () => this.update(await cancel(record.id)), {
      class: 'small', 'aria-label': `Cancel ${name}, created ${time(record.created_at)}`,
    });
    this.element = tableRow(COLUMNS, [
      [h('a', { href: href(['operations', record.id]) }, record.method), h('div', { class: 'muted' }, record.driver), this.targets],
      this.badge.element,
      this.bar.element,
      time(record.created_at),
      this.duration,
      this.cancel,
    ]);
  }

  update(record) {
    this.badge.update(record);
    this.bar.update(record);
    this.targets.textContent = (record.targets || []).join(', ');
    this.duration.textContent = elapsed(record);
    this.cancel.hidden = !ACTIVE.includes(record.state) || record.cancel_requested;
  }
}

function filterForm(query) {
  const state = h(
    'select',
    { id: newId('state'), name: 'state' },
    h('option', { value: '' }, 'Any'),
    h('option', { value: ACTIVE.join(',') }, 'queued or running'),
    STATES.map((name) => h('option', {}, name)),
  );
  state.value = query.state || '';
  const field = (label, control) => h('div', { class: 'field' }, h('label', { for: control.id }, label), control);
  const apply = (event) => {
    event.preventDefault();
    const values = [...new FormData(event.target)]
      .filter(([, value]) => value !== '')
      // The field has no zone; the filter of the API is UTC.
      .map(([name, value]) => [name, TIMES.includes(name) ? new Date(value).toISOString() : value]);
    window.location.hash = href(['operations'], Object.fromEntries(values));
  };
  const form = h(
    'form',
    { class: 'filters', role: 'search', 'aria-label': 'Filter operations', onsubmit: apply },
    field('State', state),
    FILTERS.map(([name, label, type]) => field(label, h('input', {
      id: newId(name),
      name,
      type,
      value: type === 'text' ? query[name] : localInput(query[name]),
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
    }))),
    h('button', { type: 'submit' }, 'Filter'),
  );
  return form;
}
