// SPDX-License-Identifier: Apache-2.0
// State and progress of an operation, updated in place.

import { h } from '../dom.js';

export class StateBadge {
  constructor() {
    this.element = h('span', { class: 'badge' });
  }

  update({ state, cancel_requested: requested }) {
    const text = requested && state === 'running' ? 'cancelling' : state;
    if (this.element.textContent === text) return;
    this.element.textContent = text;
    this.element.setAttribute('class', `badge state-${state}`);
  }
}

export class ProgressBar {
  constructor(label) {
    this.bar = h('progress', { max: 100, 'aria-label': label });
    this.text = h('span', { class: 'progress-text' });
    this.element = h('div', { class: 'progress' }, this.bar, this.text);
  }

  update({ state, progress }) {
    const percent = progress && progress.percent;
    const known = typeof percent === 'number';
    const message = (progress && progress.message) || '';
    this.bar.hidden = state !== 'running' && !known;
    if (known) this.bar.value = percent;
    else this.bar.removeAttribute('value');
    this.text.textContent = [known && `${Math.round(percent)} %`, message]
      .filter(Boolean).join(' · ');
  }
}
