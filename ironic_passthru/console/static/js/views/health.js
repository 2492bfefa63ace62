// SPDX-License-Identifier: Apache-2.0
// The detailed health check.

import * as api from '../api.js';
import { h, replace, table } from '../dom.js';
import { time } from '../format.js';
import { repeat } from '../polling.js';
import { RefreshError } from '../widgets/error.js';

const REFRESH_SECONDS = 10;

export async function health({ signal }) {
  const place = h('div', {});
  const update = async () => replace(place, report(await read(signal)));
  const refreshError = new RefreshError();
  await update();
  repeat(update, { signal, seconds: REFRESH_SECONDS, onError: refreshError.show });
  return {
    title: 'Health',
    content: h('div', {}, h('h1', {}, 'Health'), refreshError.element, place),
  };
}

// A check that fails makes the response a 503 with the same body.
async function read(signal) {
  try {
    return await api.get('healthcheck/detailed', { signal });
  } catch (error) {
    if (error.body && error.body.checks) return error.body;
    throw error;
  }
}

function state(healthy) {
  return h('span', { class: `badge state-${healthy ? 'succeeded' : 'failed'}` }, healthy ? 'healthy' : 'not healthy');
}

function report({ healthy, checks }) {
  const rows = Object.entries(checks).map(([name, check]) => [name, state(check.healthy), check.detail]);
  return h(
    'div',
    {},
    h('p', {}, 'Service: ', state(healthy), h('span', { class: 'muted' }, ` checked ${time(new Date().toISOString())}`)),
    table('Checks', ['Check', 'State', 'Detail'], rows),
  );
}
