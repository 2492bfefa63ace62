// SPDX-License-Identifier: Apache-2.0
// Repeated reading of the API until a view is left.

import * as api from './api.js';

const PAUSE_SECONDS = 1;
const HIDDEN_PAUSE_SECONDS = 10;

export const ACTIVE = ['queued', 'running'];

export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

// Call a function every few seconds until the signal is aborted. Errors are
// passed to another one; the next success clears them.
export async function repeat(step, { signal, seconds, onError }) {
  try {
    for (;;) {
      await pause(document.hidden ? HIDDEN_PAUSE_SECONDS : seconds, signal);
      try {
        await step();
        onError(null);
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
      }
    }
  } catch {
    // The view was left.
  }
}

// Call show() with the record of an operation at each change until it is
// final. The server holds each response for a second at most, or until the
// operation is final; it may decline to.
export async function follow(id, { signal, show, onError }) {
  const relative = `v1/${api.path('operations', id)}`;
  const headers = { Prefer: `wait=${PAUSE_SECONDS}` };
  let record = null;
  while (!signal.aborted) {
    try {
      const response = await api.send('GET', relative, record ? { headers, signal } : { signal });
      const held = response.headers.has('Preference-Applied');
      record = await api.read(response);
      onError(null);
      show(record);
      if (!ACTIVE.includes(record.state)) return;
      if (document.hidden) await pause(HIDDEN_PAUSE_SECONDS, signal);
      else if (!held) await pause(PAUSE_SECONDS, signal);
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      if (error instanceof api.ApiError && error.status < 500) return;
      await pause(PAUSE_SECONDS, signal).catch(() => {});
    }
  }
}
