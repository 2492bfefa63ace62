// SPDX-License-Identifier: Apache-2.0
// The login dialog, made for the challenge of a 401.

import * as api from '../api.js';
import { announce, h, newId, replace } from '../dom.js';
import { NoIdentity, requestToken } from '../keystone.js';
import * as session from '../session.js';

// Ask for credentials until the service accepts some.
export function askForLogin(challenge) {
  const url = /^Keystone uri="([^"]*)"/i.exec(challenge);
  if (url) return show(keystoneForm(url[1]));
  return show(passwordForm());
}

function input(label, name, attributes = {}) {
  const id = newId('login');
  const control = h('input', {
    id, name, type: 'text', autocapitalize: 'off', spellcheck: 'false', ...attributes,
  });
  return { control, element: h('div', { class: 'field' }, h('label', { for: id }, label), control) };
}

function passwordForm() {
  const user = input('User name', 'user', { required: true, autocomplete: 'username' });
  const password = input('Password', 'password', {
    type: 'password', required: true, autocomplete: 'current-password',
  });
  return {
    fields: [user.element, password.element],
    read: async () => session.basic(user.control.value, password.control.value),
  };
}

function keystoneForm(url) {
  const token = input('Token', 'token', { type: 'password', autocomplete: 'off' });
  const user = input('User name', 'user', { autocomplete: 'username' });
  const password = input('Password', 'password', { type: 'password', autocomplete: 'current-password' });
  const project = input('Project', 'project');
  const domain = input('Domain of user and project', 'domain', { value: 'Default' });
  return {
    fields: [
      h('fieldset', {}, h('legend', {}, 'With a token'), token.element, h(
        'p',
        { class: 'help' },
        'The command ',
        h('code', {}, 'openstack token issue -f value -c id'),
        ' prints one.',
      )),
      h(
        'fieldset',
        {},
        h('legend', {}, 'Or with a password'),
        h('p', { class: 'help' }, `The Identity service is ${url}.`),
        [user, password, project, domain].map((each) => each.element),
      ),
    ],
    read: async () => {
      const pasted = token.control.value.trim();
      if (/[^!-~]/.test(pasted)) throw new Error('A token has no spaces and only ASCII characters.');
      if (pasted) return session.token(pasted);
      const found = await requestToken(url, {
        user: user.control.value,
        password: password.control.value,
        project: project.control.value,
        domain: domain.control.value,
      });
      return session.token(found, user.control.value);
    },
  };
}

// Store credentials if the service accepts them.
async function verify(credentials) {
  session.set(credentials);
  const response = await api.send('GET', 'v1/drivers', { noLogin: true });
  if (response.status === 401) {
    session.set(null);
    throw new Error('The service did not accept this login.');
  }
  if (response.status >= 500) await api.read(response);
}

function show({ fields, read }) {
  const message = h('p', { class: 'error-text', role: 'alert' });
  const submit = h('button', { type: 'submit', class: 'primary' }, 'Log in');
  const titleId = newId('login-title');
  const form = h(
    'form',
    {},
    h('h2', { id: titleId }, 'Log in'),
    fields,
    message,
    h('div', { class: 'actions' }, submit),
    h('p', { class: 'help' }, 'The login is kept in the memory of this page only.'),
  );
  const dialog = h('dialog', { 'aria-labelledby': titleId }, form);
  // Without a login there is nothing to show. Browsers close a dialog at the
  // second Escape anyway.
  let done = false;
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  dialog.addEventListener('close', () => done || dialog.showModal());
  document.body.append(dialog);
  dialog.showModal();
  form.querySelector('input').focus();
  return new Promise((resolve) => {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      submit.disabled = true;
      replace(message);
      try {
        await verify(await read());
        done = true;
        dialog.close();
        dialog.remove();
        announce('Logged in');
        resolve();
      } catch (error) {
        session.set(null);
        const hint = error instanceof NoIdentity
          ? ' Obtain a token with the command above and paste it.' : '';
        replace(message, error.message + hint);
      } finally {
        submit.disabled = false;
      }
    });
  });
}
