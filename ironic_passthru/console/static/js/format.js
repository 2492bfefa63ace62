// SPDX-License-Identifier: Apache-2.0
// Texts for times, durations and sizes.

// The service reports times in UTC, without a zone.
export function date(text) {
  if (!text) return null;
  return new Date(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
}

export function time(text) {
  const found = date(text);
  if (!found) return '';
  return found.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

// Return the value of a datetime-local input for a time, in the local zone.
export function localInput(text) {
  const found = date(text);
  if (!found || Number.isNaN(found.getTime())) return '';
  const local = new Date(found.getTime() - 60_000 * found.getTimezoneOffset());
  return local.toISOString().slice(0, 16);
}

export function duration(milliseconds) {
  const exact = Math.max(0, milliseconds) / 1000;
  if (exact < 9.95) return `${exact.toFixed(1)} s`;
  const seconds = Math.round(exact);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Return how long an operation has been running, or ran.
export function elapsed(operation) {
  const from = date(operation.started_at);
  if (!from) return '';
  return duration((date(operation.finished_at) || new Date()) - from);
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ['KiB', 'MiB', 'GiB'];
  let value = bytes / 1024;
  while (value >= 1024 && units.length > 1) {
    value /= 1024;
    units.shift();
  }
  return `${value.toFixed(1)} ${units[0]}`;
}
