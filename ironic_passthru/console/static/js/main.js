// SPDX-License-Identifier: Apache-2.0
// Start of the console.

import * as api from './api.js';
import { button, replace } from './dom.js';
import * as router from './router.js';
import * as session from './session.js';
import { conductors } from './views/conductors.js';
import { drivers } from './views/drivers.js';
import { health } from './views/health.js';
import { method } from './views/method.js';
import { methods } from './views/methods.js';
import { operation } from './views/operation.js';
import { operations } from './views/operations.js';
import { askForLogin } from './widgets/login.js';

function logOut() {
  session.set(null);
  // Also forgets what forms and results contain.
  window.location.reload();
}

session.onChange(() => {
  const user = session.label();
  replace(
    document.getElementById('identity'),
    user && [`${user} `, button('Log out', logOut, { class: 'link' })],
  );
});
api.onUnauthorized(askForLogin);
router.start([
  ['', drivers],
  ['drivers', drivers],
  ['drivers/:driver', methods],
  ['drivers/:driver/:method', method],
  ['operations', operations],
  ['operations/:id', operation],
  ['conductors', conductors],
  ['health', health],
]);
