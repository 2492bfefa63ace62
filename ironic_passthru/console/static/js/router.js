// SPDX-License-Identifier: Apache-2.0
// Selection of the view by the fragment of the URL.

import { announce, h, replace } from './dom.js';
import { errorPanel } from './widgets/error.js';

const main = document.getElementById('main');
let routes = [];
let current = new AbortController();
let shown = null;

// Return the fragment of a view.
export function href(segments, query = {}) {
  const text = new URLSearchParams(query).toString();
  return `#/${segments.map(encodeURIComponent).join('/')}${text && `?${text}`}`;
}

// table: rows of [template, view]; a segment with a colon is a parameter.
// A view receives {parameters, query, signal} and returns {title, content}.
export function start(table) {
  routes = table.map(([template, view]) => ({ segments: template.split('/'), view }));
  window.addEventListener('hashchange', () => render());
  document.getElementById('skip').addEventListener('click', (event) => {
    event.preventDefault();
    focusContent();
  });
  render();
}

function match(fragment) {
  const [pathname, search = ''] = fragment.replace(/^#\/?/, '').split('?');
  const segments = pathname.split('/').map(decodeURIComponent);
  const query = Object.fromEntries(new URLSearchParams(search));
  for (const { segments: template, view } of routes) {
    const fits = template.length === segments.length
      && template.every((part, i) => part.startsWith(':') || part === segments[i]);
    if (fits) {
      const pairs = template.map((part, i) => [part.slice(1), segments[i]])
        .filter((_, i) => template[i].startsWith(':'));
      return { view, query, parameters: Object.fromEntries(pairs), section: segments[0] };
    }
  }
  return null;
}

// Show the view of the present URL.
export async function render() {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  let found = null;
  try {
    found = match(window.location.hash || '#/drivers');
  } catch {
    // The fragment is not valid UTF-8.
  }
  if (!found) {
    window.location.replace(href(['drivers']));
    return;
  }
  markSection(found.section);
  const moved = shown !== null && shown !== window.location.hash;
  shown = window.location.hash;
  const slow = setTimeout(() => replace(main, h('p', { class: 'muted' }, 'Loading…')), 300);
  let page;
  try {
    page = await found.view({ ...found, signal });
  } catch (error) {
    if (signal.aborted) return;
    page = { title: 'Error', content: h('div', {}, h('h1', {}, 'Error'), errorPanel(error)) };
  } finally {
    clearTimeout(slow);
  }
  if (signal.aborted) return;
  document.title = `${page.title} - ironic_passthru`;
  replace(main, page.content);
  if (!moved) return;
  window.scrollTo(0, 0);
  focusContent();
  announce(page.title);
}

function markSection(section) {
  for (const link of document.querySelectorAll('#navigation a')) {
    if (link.hash.split('/')[1] === section) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function focusContent() {
  const target = main.querySelector('h1') || main;
  target.setAttribute('tabindex', '-1');
  target.focus();
}
