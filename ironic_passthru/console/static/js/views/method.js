// SPDX-License-Identifier: Apache-2.0
// One method: description, form, call and result.

import * as api from '../api.js';
import { announce, h, newId, replace } from '../dom.js';
import { Caller } from '../call.js';
import { duration } from '../format.js';
import { ParametersForm } from '../forms/parameters.js';
import { href } from '../router.js';
import { attachmentView } from '../widgets/attachment.js';
import { confirmByTyping } from '../widgets/confirm.js';
import { OperationPanel, outcomeError } from '../widgets/operation.js';
import { resultView } from '../widgets/value.js';
import { badges, description, facts } from './method-facts.js';

export async function method({ parameters: { driver, method: name }, signal }) {
  const details = await api.get(
    `v1/${api.path('drivers', driver, 'vendor_passthru', 'methods', name)}`,
    { signal },
  );
  return {
    title: `${name} of ${driver}`,
    content: h(
      'div',
      {},
      h(
        'nav',
        { class: 'path', 'aria-label': 'Path' },
        h('a', { href: href(['drivers']) }, 'Drivers'),
        ' / ',
        h('a', { href: href(['drivers', driver]) }, driver),
      ),
      h('h1', {}, name),
      h('p', { class: 'badges' }, badges(details)),
      description(details),
      facts(details),
      new CallForm({ driver, name, details, signal }).element,
    ),
  };
}

class CallForm {
  constructor({ driver, name, details, signal }) {
    Object.assign(this, { name, details, signal });
    this.caller = new Caller(driver, name, details.forwarded);
    this.parameters = new ParametersForm(details);
    this.verb = verbChoice(details.http_methods);
    this.background = h('input', { type: 'checkbox' });
    this.submit = h('button', { type: 'submit', class: details.dangerous ? 'danger' : 'primary' }, 'Call');
    this.status = h('span', { class: 'muted' });
    this.outcome = h('section', { class: 'outcome', 'aria-label': 'Outcome', tabindex: '-1' });
    this.running = new AbortController();
    const form = h(
      'form',
      { class: 'call', novalidate: true, 'aria-label': `Call ${name}`, onsubmit: (event) => this.onSubmit(event) },
      h('h2', {}, 'Call'),
      this.parameters.element,
      this.verb.element,
      !details.async && !details.forwarded && h('label', { class: 'check' }, this.background, ' Run in the background, as an operation'),
      h('div', { class: 'actions' }, this.submit, this.status),
    );
    this.element = h('div', { class: 'call-layout' }, form, this.outcome);
  }

  async onSubmit(event) {
    event.preventDefault();
    // A second click must not call again.
    if (this.isBusy) return;
    this.setBusy(true);
    this.parameters.clear();
    try {
      const verb = this.verb.value();
      const call = this.parameters.read(verb === 'GET');
      if (this.details.dangerous && !await this.confirm(call)) return;
      await this.call(verb, call);
    } catch (error) {
      if (!this.signal.aborted) this.showError(error);
    } finally {
      this.setBusy(false);
    }
  }

  // A disabled button would lose the focus.
  setBusy(isBusy) {
    this.isBusy = isBusy;
    this.submit.setAttribute('aria-disabled', String(isBusy));
  }

  confirm({ value }) {
    const names = this.details.target || [];
    const target = names.length === 1 && value ? value[names[0]] : null;
    const word = typeof target === 'string' && target ? target : this.name;
    return confirmByTyping({
      title: `Call ${this.name}?`,
      text: this.details.description,
      word,
      action: `Call ${this.name}`,
    });
  }

  async call(verb, call) {
    this.running.abort();
    this.running = new AbortController();
    replace(this.outcome);
    const start = Date.now();
    const show = () => replace(this.status, `Running for ${duration(Date.now() - start)}`);
    const timer = setInterval(show, 1000);
    announce('The call is running');
    try {
      // Not aborted with the view: hardware does not stop either.
      const response = await this.caller.send(verb, call, this.background.checked);
      if (this.signal.aborted) return;
      await this.showResponse(response);
      const word = response.status === 202 ? 'Accepted' : 'Finished';
      replace(this.status, `${word} in ${duration(Date.now() - start)}`);
    } catch (error) {
      replace(this.status);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async showResponse(response) {
    if (response.status === 202 && this.details.forwarded) {
      this.show(h('h2', {}, 'Accepted'), h('p', {}, 'Ironic runs the call, and records no operation.'));
      announce('The call was accepted');
      return;
    }
    if (response.status === 202) {
      await this.showOperation(api.operationId(response));
      return;
    }
    const isFile = response.ok && this.details.attach;
    const shown = isFile
      ? await attachmentView(response, this.name) : resultView(await api.read(response));
    this.show(h('h2', {}, 'Result'), shown);
    announce('The call succeeded');
  }

  async showOperation(id) {
    const signal = AbortSignal.any([this.signal, this.running.signal]);
    const panel = new OperationPanel(id, signal);
    this.show(
      h('h2', {}, 'Operation'),
      h('p', {}, 'The call runs as ', h('a', { href: href(['operations', id]) }, `operation ${id}`), '; it continues if you leave this page.'),
      panel.element,
    );
    // The call is accepted, whatever happens to requests about it.
    await panel.start().catch((error) => panel.refreshError.show(error));
  }

  showError(error) {
    if (!(error instanceof api.ApiError) || error.errors.length) {
      const errors = error.errors || [{ pointer: '', detail: error.message }];
      this.parameters.showErrors(error.errors ? 'The server rejected the parameters' : 'Error', errors);
      return;
    }
    const id = error.operation;
    this.show(
      outcomeError(error),
      id && h('p', {}, 'Its record is ', h('a', { href: href(['operations', id]) }, `operation ${id}`), '.'),
    );
  }

  show(...content) {
    replace(this.outcome, ...content);
    this.outcome.focus({ preventScroll: true });
    this.outcome.scrollIntoView({ block: 'nearest' });
  }
}

function verbChoice(names) {
  if (names.length === 1) return { element: null, value: () => names[0] };
  const id = newId('verb');
  const select = h('select', { id }, names.map((name) => h('option', {}, name)));
  return {
    element: h('div', { class: 'field' }, h('label', { for: id }, 'HTTP method'), select),
    value: () => select.value,
  };
}
