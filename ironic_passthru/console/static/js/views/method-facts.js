// SPDX-License-Identifier: Apache-2.0
// What is known about a method.

import { definitions, h, marked } from '../dom.js';
import { typeName } from '../forms/schema.js';
import { isObject } from '../json.js';
import { resultMembers } from './result-members.js';

export function badges(details) {
  const found = details.http_methods.map((name) => h('span', { class: 'badge verb' }, name));
  const flags = [
    [details.async, 'asynchronous', 'badge'],
    [details.attach, 'file', 'badge'],
    [details.dangerous, 'dangerous', 'badge warn'],
    [details.deprecated !== null && details.deprecated !== undefined, 'deprecated', 'badge warn'],
  ];
  return [...found, ...flags.filter(([set]) => set).map(([, text, kind]) => h('span', { class: kind }, text))];
}

export function description(details) {
  const paragraphs = (details.long_description || '').split(/\n\s*\n/).filter(Boolean);
  return [
    h('p', { class: 'lead' }, details.description),
    paragraphs.map((text) => h('p', {}, marked(text))),
    details.deprecated && h('p', { class: 'notice' }, `Deprecated: ${details.deprecated}`),
    details.dangerous && h('p', { class: 'notice' }, 'This method is dangerous: it asks for confirmation.'),
  ];
}

export function facts(details) {
  return [
    definitions([
      ['Result', resultType(details)],
      ['Timeout', details.timeout && `${details.timeout} s`],
      ['Targets', (details.target || []).join(', ')],
      ['Secrets', (details.secret || []).join(', ')],
    ]),
    !details.attach && isObject(details.result) && resultMembers(details.result),
  ];
}

function resultType({ attach, result }) {
  if (attach) return (result && result.contentMediaType) || 'file';
  if (!isObject(result) || !Object.keys(result).length) return '';
  const name = typeName(result, result);
  return name === 'object' ? '' : name;
}
