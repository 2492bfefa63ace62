// SPDX-License-Identifier: Apache-2.0
// The members of a result, from its JSON Schema.

import { definitions, h, marked } from '../dom.js';
import { alternatives, isNull, resolve, typeName } from '../forms/schema.js';
import { isObject } from '../json.js';

// Bounds for schemas that contain themselves, and for very large ones.
const MAX_DEPTH = 6;
const MAX_MEMBERS = 200;

// Return a list that opens on demand; null for a result without members.
export function resultMembers(schema) {
  const found = new Map();
  collect(schema, schema, '', found);
  if (!found.size) return null;
  return h('details', { class: 'members' }, h('summary', {}, 'Members of the result'), definitions([...found]));
}

// Add type and description by path. A * stands for each name or index.
function collect(schema, root, path, found) {
  if (path.split('.').length > MAX_DEPTH) return;
  for (const one of alternatives(resolve(schema, root), root)) {
    if (isNull(one)) continue;
    const inner = Object.entries(isObject(one.properties) ? one.properties : {});
    for (const each of [one.additionalProperties, one.items]) {
      if (isObject(each) && Object.keys(each).length) collect(each, root, join(path, '*'), found);
    }
    for (const [name, member] of inner) {
      const place = join(path, name);
      if (found.size >= MAX_MEMBERS) return;
      if (!found.has(place)) {
        const text = resolve(member, root).description;
        found.set(place, marked([typeName(member, root), text].filter(Boolean).join(': ')));
      }
      collect(member, root, place, found);
    }
  }
}

function join(path, name) {
  return path ? `${path}.${name}` : name;
}
