// SPDX-License-Identifier: Apache-2.0
// An error of the API or of the connection.

import { button, definitions, h, replace } from '../dom.js';

export function errorPanel(error, title = '') {
  const heading = title || (error.status ? `${error.status} ${error.title}` : 'Error');
  return h(
    'div',
    { class: 'panel error-panel', role: 'alert' },
    h('h2', {}, heading),
    h('p', { class: 'message' }, error.message),
    definitions([['Code', error.code], ['Request id', error.requestId]]),
  );
}

// A line about a failed refresh, hidden while there is none.
export class RefreshError {
  constructor() {
    this.element = h('p', { class: 'notice error-text', role: 'status', hidden: true });
    this.show = this.show.bind(this);
  }

  show(error) {
    this.element.hidden = !error;
    if (error && this.element.textContent !== error.message) {
      replace(this.element, error.message);
    }
  }
}

// A button that runs an asynchronous action once at a time; its error is
// shown next to it.
export function actionButton(text, action, attributes = {}) {
  const message = h('span', { class: 'error-text', role: 'alert' });
  let isBusy = false;
  const control = button(text, async () => {
    // A disabled button would lose the focus.
    if (isBusy) return;
    isBusy = true;
    replace(message);
    try {
      await action();
    } catch (error) {
      replace(message, ` ${error.message}`);
    } finally {
      isBusy = false;
    }
  }, attributes);
  return h('span', { class: 'action' }, control, message);
}
