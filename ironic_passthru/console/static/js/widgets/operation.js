// SPDX-License-Identifier: Apache-2.0
// One operation, followed until it is final.

import * as api from '../api.js';
import { announce, definitions, h, replace } from '../dom.js';
import { elapsed, time } from '../format.js';
import { ACTIVE, follow, pause } from '../polling.js';
import { attachmentView } from './attachment.js';
import { actionButton, errorPanel, RefreshError } from './error.js';
import { ProgressBar, StateBadge } from './progress.js';
import { resultView } from './value.js';

const RETRY_SECONDS = 1;

export async function cancel(id) {
  return api.read(await api.send('DELETE', `v1/${api.path('operations', id)}`));
}

export class OperationPanel {
  constructor(id, signal) {
    this.id = id;
    this.signal = signal;
    this.badge = new StateBadge();
    this.bar = new ProgressBar('Progress of the operation');
    this.facts = h('div', {});
    this.parameters = h('div', {});
    this.outcome = h('div', {});
    this.refreshError = new RefreshError();
    this.cancel = actionButton('Cancel operation', async () => this.update(await cancel(id)), { class: 'danger-outline' });
    this.element = h(
      'section',
      { class: 'operation', 'aria-label': 'Operation' },
      h('div', { class: 'operation-head' }, this.badge.element, this.cancel),
      this.bar.element,
      this.refreshError.element,
      this.outcome,
      this.facts,
      this.parameters,
    );
    this.state = null;
  }

  // Follow the operation; return after the first record was shown.
  start() {
    return new Promise((resolve, reject) => {
      follow(this.id, {
        signal: this.signal,
        show: (record) => {
          this.update(record);
          resolve(record);
        },
        onError: (error) => {
          if (error && this.state === null) reject(error);
          else this.refreshError.show(error);
        },
      });
    });
  }

  update(record) {
    const isActive = ACTIVE.includes(record.state);
    this.badge.update(record);
    this.bar.update(record);
    this.cancel.hidden = !isActive || record.cancel_requested;
    replace(this.facts, recordFacts(record));
    if (this.state === null) replace(this.parameters, recordParameters(record));
    if (record.state === this.state) return;
    const wasActive = this.state === null || ACTIVE.includes(this.state);
    if (this.state !== null) announce(`Operation ${record.state}`);
    this.state = record.state;
    if (!isActive && wasActive) this.showOutcome(record);
  }

  // The service may restart.
  async readResult() {
    for (;;) {
      try {
        const response = await api.send('GET', `v1/${api.path('operations', this.id, 'result')}`, { signal: this.signal });
        if (response.ok || api.isOfService(response)) return response;
        await api.read(response);
      } catch (error) {
        if (this.signal.aborted || (error instanceof api.ApiError && error.status < 500)) throw error;
        this.refreshError.show(error);
        await pause(RETRY_SECONDS, this.signal);
        this.refreshError.show(null);
      }
    }
  }

  async showOutcome(record) {
    try {
      const response = await this.readResult();
      const isFile = response.ok && !(response.headers.get('Content-Type') || '').startsWith('application/json');
      const shown = isFile
        ? await attachmentView(response, record.method) : resultView(await api.read(response));
      replace(this.outcome, h('h2', {}, 'Result'), shown);
    } catch (error) {
      if (this.signal.aborted) return;
      replace(this.outcome, outcomeError(error));
    }
  }
}

// Return an error of a call, with what it finished.
export function outcomeError(error) {
  if (error.partialResult === undefined || error.partialResult === null) return errorPanel(error);
  return h('div', {}, errorPanel(error), h('h2', {}, 'Partial result'), resultView(error.partialResult));
}

function recordParameters({ parameters }) {
  if (!parameters || !Object.keys(parameters).length) return null;
  return h('div', {}, h('h2', {}, 'Parameters'), resultView(parameters));
}

function recordFacts(record) {
  return h('div', {}, h('h2', {}, 'Record'), definitions([
    ['Id', record.id],
    ['Targets', (record.targets || []).join(', ')],
    ['Created', time(record.created_at)],
    ['Started', time(record.started_at)],
    ['Finished', time(record.finished_at)],
    ['Duration', elapsed(record)],
    ['HTTP method', record.http_method],
    ['Conductor', record.conductor],
    ['User', record.user_id],
    ['Project', record.project_id],
    ['Request id', record.request_id],
  ]));
}
