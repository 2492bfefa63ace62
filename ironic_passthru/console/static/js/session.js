// SPDX-License-Identifier: Apache-2.0
// Credentials of the user. They exist in the memory of this page only.

let credentials = null;
const listeners = [];

// Return the headers that authenticate requests.
export function headers() {
  return credentials ? { [credentials.header]: credentials.value } : {};
}

// Return the text that names the user, or null without a login.
export function label() {
  return credentials && credentials.label;
}

export function onChange(listener) {
  listeners.push(listener);
}

export function set(found) {
  credentials = found;
  listeners.forEach((listener) => listener());
}

export function basic(user, password) {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return { header: 'Authorization', value: `Basic ${btoa(binary)}`, label: user };
}

export function token(value, user = 'token') {
  return { header: 'X-Auth-Token', value, label: user };
}
