// SPDX-License-Identifier: Apache-2.0
// Requests to the REST API.

import * as json from './json.js';
import * as session from './session.js';

// URLs are relative to the page: a proxy may add a prefix.
const ROOT = new URL('../', document.baseURI);
const PROBLEM = 'application/problem+json';

export class ApiError extends Error {
  constructor(response, body) {
    const problem = json.isObject(body) ? body : {};
    super(typeof problem.detail === 'string' ? problem.detail : `The server answered ${response.status} ${response.statusText}`);
    this.status = response.status;
    this.title = problem.title || response.statusText;
    this.code = problem.code;
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    this.requestId = problem.request_id || response.headers.get('x-openstack-request-id');
    this.partialResult = problem.partial_result;
    this.challenge = response.headers.get('WWW-Authenticate') || '';
    this.operation = operationId(response);
    this.body = body;
  }
}

// No response: the network failed, or the server ended the connection.
export class NoResponse extends Error {
  constructor(sent) {
    super(sent
      ? 'The connection failed without a response. The outcome of the call is unknown.'
      : 'The server cannot be reached.');
  }
}

let login = null;
let pendingLogin = null;

// Set the function that asks for credentials after a 401. It receives the
// WWW-Authenticate header and returns a promise.
export function onUnauthorized(asks) {
  login = asks;
}

export function path(...segments) {
  return segments.map(encodeURIComponent).join('/');
}

// Send a request and return the complete response.
// Raises NoResponse, also if the connection fails within the body.
export async function send(method, relative, options = {}) {
  const response = await attempt(method, relative, options);
  if (response.status !== 401 || options.noLogin) return response;
  // A request without login was not executed, so it may be repeated.
  pendingLogin ||= login(response.headers.get('WWW-Authenticate') || '')
    .finally(() => { pendingLogin = null; });
  await pendingLogin;
  return send(method, relative, options);
}

async function attempt(method, relative, { query = [], body, headers = {}, signal }) {
  const url = new URL(relative, ROOT);
  for (const [name, value] of query) url.searchParams.append(name, value);
  try {
    const response = await fetch(url, {
      method,
      body,
      signal,
      // Browsers then neither ask for a password nor store one.
      credentials: 'omit',
      cache: 'no-store',
      headers: {
        Accept: `${PROBLEM}, application/json;q=0.9`,
        'X-OpenStack-Ironic-API-Version': 'latest',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...session.headers(),
        ...headers,
      },
    });
    const data = await response.blob();
    return new Response(data.size ? data : null, response);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new NoResponse(method !== 'GET');
  }
}

// Return the JSON value of a response.
// Raises ApiError for an error status, Error for a page of a proxy.
export async function read(response) {
  const text = await response.text();
  let value = null;
  let isJSON = true;
  try {
    value = text ? json.parse(text) : null;
  } catch {
    isJSON = false;
  }
  if (!response.ok) throw new ApiError(response, value);
  if (!isJSON) throw new Error('The response is not JSON: it is not one of this service, but of a proxy.');
  return value;
}

export async function get(relative, options) {
  return read(await send('GET', relative, options));
}

// Return whether a response is one of the service, not of a proxy before it.
export function isOfService(response) {
  return response.headers.has('x-openstack-request-id');
}

// Return the id of the operation that a response names, or null.
export function operationId(response) {
  const location = response.headers.get('Location') || '';
  const found = /\/operations\/([^/?]+)$/.exec(location);
  return found && decodeURIComponent(found[1]);
}
