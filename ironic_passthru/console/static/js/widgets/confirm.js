// SPDX-License-Identifier: Apache-2.0
// Confirmation of dangerous methods.

import { button, h, newId } from '../dom.js';

// Show a modal dialog; return whether the user typed the word and confirmed.
export function confirmByTyping({ title, text, word, action }) {
  const id = newId('confirm');
  const input = h('input', {
    id, type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off',
  });
  const confirm = h('button', { type: 'submit', class: 'danger', disabled: true }, action);
  input.addEventListener('input', () => {
    confirm.disabled = input.value !== word;
  });
  return new Promise((resolve) => {
    const form = h(
      'form',
      {},
      h('h2', { id: `${id}-title` }, title),
      h('p', {}, text),
      h(
        'div',
        { class: 'field' },
        h('label', { for: id }, 'Type ', h('code', {}, word), ' to confirm'),
        input,
      ),
      h('div', { class: 'actions' }, confirm, button('Cancel', () => dialog.close())),
    );
    const dialog = h('dialog', { 'aria-labelledby': `${id}-title` }, form);
    let confirmed = false;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      confirmed = input.value === word;
      if (confirmed) dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(confirmed);
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}
