// SPDX-License-Identifier: Apache-2.0
// The parameters of a method: a form, or an editor for their JSON text.

import { button, h, newId, replace } from '../dom.js';
import { pointerTokens, stringify } from '../json.js';
import { build } from './build.js';
import { errorSummary, JSONEditor } from './editor.js';

const MASKED = '***';

export class ParametersForm {
  // details: the description of the method.
  constructor(details) {
    const schema = details.parameters;
    this.root = build({
      schema: { type: 'object', properties: {}, ...schema },
      root: schema,
      label: '',
      required: true,
      place: 'top',
      secretNames: new Set(details.secret),
    });
    this.editor = new JSONEditor();
    this.summary = h('div', {});
    this.asText = false;
    this.modes = this.modeChoice();
    this.body = h('div', {});
    const isEmpty = !Object.keys(schema.properties || {}).length && schema.additionalProperties === false;
    this.element = h(
      'div',
      {},
      this.examples(details.examples || []),
      isEmpty ? h('p', { class: 'muted' }, 'The method has no parameters.') : this.modes,
      this.summary,
      this.body,
    );
    this.show();
  }

  modeChoice() {
    const name = newId('mode');
    const radio = (text, asText) => {
      const input = h('input', { type: 'radio', name, checked: !asText, onchange: () => this.switch(asText) });
      return h('label', {}, input, ` ${text}`);
    };
    return h('div', { class: 'modes', role: 'radiogroup', 'aria-label': 'Parameters' }, radio('Form', false), radio('JSON', true));
  }

  examples(found) {
    if (!found.length) return null;
    return h('div', { class: 'examples' }, 'Examples: ', found.map((example, index) => button(
      stringify(example).length > 60 ? `Example ${index + 1}` : stringify(example),
      () => this.write(example),
      { class: 'small' },
    )));
  }

  show() {
    replace(this.body, this.asText ? this.editor.element : this.root.element);
  }

  switch(asText) {
    this.clear();
    try {
      if (asText) this.editor.write(this.root.read());
      else this.root.write(this.editor.value());
      this.asText = asText;
    } catch (error) {
      this.showErrors('Cannot switch', [{ pointer: '', detail: error.message }]);
      this.modes.querySelectorAll('input')[Number(this.asText)].checked = true;
    }
    this.show();
  }

  // Fill with an example, whose secrets are masked.
  write(example) {
    this.clear();
    const values = Object.fromEntries(Object.entries(example).filter(([, each]) => each !== MASKED));
    if (this.asText) this.editor.write(values);
    else this.root.write(values);
  }

  // Return {value, text}. Raises Error for text that is not JSON; the server
  // checks everything else.
  // needsValue: whether text that is not JSON cannot be sent.
  read(needsValue) {
    if (!this.asText) {
      const value = this.root.read();
      return { value, text: stringify(value) };
    }
    return { value: needsValue ? this.editor.value() : null, text: this.editor.text };
  }

  clear() {
    replace(this.summary);
    this.root.clear();
  }

  // errors: [{pointer, detail}] of the server.
  showErrors(title, errors) {
    const entries = errors.map(({ pointer, detail }) => {
      const text = `${pointer.slice(1) || 'Parameters'}: ${detail}`;
      if (this.asText) return { text, focus: () => this.editor.select(pointer) };
      const target = this.root.place(pointerTokens(pointer), detail);
      return { text: pointer ? text : detail, focus: target && (() => target.focus()) };
    });
    const summary = errorSummary(title, entries);
    replace(this.summary, summary);
    summary.focus();
  }
}
