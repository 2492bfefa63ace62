// SPDX-License-Identifier: Apache-2.0
// Tokens of the Identity service.

// The Identity service cannot be used from this page.
export class NoIdentity extends Error {}

// Return a token for a user and, if it is named, a project.
// Raises NoIdentity, or Error if the service rejects the login.
export async function requestToken(url, { user, password, project, domain }) {
  const base = url.replace(/\/+$/, '').replace(/\/v3$/, '');
  const body = {
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: user, domain: { name: domain }, password } },
      },
      ...(project && { scope: { project: { name: project, domain: { name: domain } } } }),
    },
  };
  let response;
  try {
    response = await fetch(`${base}/v3/auth/tokens`, {
      method: 'POST',
      credentials: 'omit',
      cache: 'no-store',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch {
    throw new NoIdentity(
      'The Identity service is unreachable, or does not allow requests from this page (CORS).',
    );
  }
  if (!response.ok) throw new Error(`The Identity service answered ${response.status}.`);
  const token = response.headers.get('X-Subject-Token');
  if (!token) {
    throw new NoIdentity('The Identity service does not expose X-Subject-Token to this page (CORS).');
  }
  return token;
}
