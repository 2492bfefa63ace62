// SPDX-License-Identifier: Apache-2.0
// A file that a method returned, as a download.

import { h } from '../dom.js';
import { size } from '../format.js';

const MAX_PREVIEW_BYTES = 64 * 1024;

// Return the link for the body of a response.
// fallback: name of the file if the response has none.
export async function attachmentView(response, fallback) {
  const data = await response.blob();
  const mediaType = response.headers.get('Content-Type') || '';
  const name = fileName(response.headers.get('Content-Disposition') || '')
    || fallback + (mediaType.startsWith('text/plain') ? '.txt' : '.bin');
  const link = h(
    'a',
    { class: 'button', href: URL.createObjectURL(data), download: name },
    `Download ${name}`,
  );
  const facts = h('p', { class: 'muted' }, `${mediaType}, ${size(data.size)}`);
  if (!mediaType.startsWith('text/') || data.size > MAX_PREVIEW_BYTES) {
    return h('div', {}, link, facts);
  }
  const preview = h('pre', { tabindex: '0', 'aria-label': `Content of ${name}` }, await data.text());
  return h('div', {}, link, facts, preview);
}

function fileName(header) {
  const extended = /filename\*=UTF-8''([^;]+)/i.exec(header);
  if (extended) return decodeURIComponent(extended[1]);
  const quoted = /filename="((?:[^"\\]|\\.)*)"/i.exec(header);
  if (quoted) return quoted[1].replace(/\\(.)/g, '$1');
  const plain = /filename=([^;\s]+)/i.exec(header);
  return plain ? plain[1] : '';
}
