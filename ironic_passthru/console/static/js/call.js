// SPDX-License-Identifier: Apache-2.0
// A call of a method.

import * as api from './api.js';
import { stringify } from './json.js';

// Works on pages without HTTPS too, unlike crypto.randomUUID().
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// GET has no body in browsers: text as it is, other values as JSON.
function query(value) {
  return Object.entries(value).map(([name, each]) => [
    name, typeof each === 'string' ? each : stringify(each),
  ]);
}

// Calls of one method from one form.
export class Caller {
  constructor(driver, method, isForwarded) {
    this.relative = `v1/${api.path('drivers', driver, 'vendor_passthru')}`;
    this.method = method;
    // Ironic does not support keys.
    this.hasKeys = !isForwarded;
    this.unanswered = null;
  }

  // Send a call and return the response. A repetition of a call that had no
  // response has the same key, so that it runs once.
  async send(httpMethod, { value, text }, inBackground) {
    const headers = {};
    if (inBackground) headers.Prefer = 'respond-async';
    const isRead = httpMethod === 'GET';
    if (!isRead && this.hasKeys) headers['Idempotency-Key'] = this.key(`${httpMethod} ${inBackground} ${text}`);
    const response = await api.send(httpMethod, this.relative, {
      query: [['method', this.method], ...(isRead ? query(value) : [])],
      body: isRead ? undefined : text,
      headers,
    });
    if (api.isOfService(response)) this.unanswered = null;
    return response;
  }

  key(request) {
    if (!this.unanswered || this.unanswered.request !== request) {
      this.unanswered = { request, key: newKey() };
    }
    return this.unanswered.key;
  }
}
