// SPDX-License-Identifier: Apache-2.0
// Repeated reading of the API until a view is left.

import * as api from './api.js';

const FIRST_PAUSE_SECONDS = 0.2;
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

// Call show() with the record of an operation until it is final. Requests do
// not wait in the server, whose threads are few; short operations are read
// more often.
export async function follow(id, { signal, show, onError }) {
  const relative = `v1/${api.path('operations', id)}`;
  let seconds = FIRST_PAUSE_SECONDS;
  while (!signal.aborted) {
    try {
      const record = await api.get(relative, { signal });
      onError(null);
      show(record);
      if (!ACTIVE.includes(record.state)) return;
      await pause(document.hidden ? HIDDEN_PAUSE_SECONDS : seconds, signal);
      seconds = Math.min(1.5 * seconds, PAUSE_SECONDS);
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      if (error instanceof api.ApiError && error.status < 500) return;
      await pause(PAUSE_SECONDS, signal).catch(() => {});
    }
  }
}
