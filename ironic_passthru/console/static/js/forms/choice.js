// SPDX-License-Identifier: Apache-2.0
// A choice between alternatives of a schema; the fields of one are shown.

import { h, newId, replace } from '../dom.js';
import { isObject, stringify } from '../json.js';
import { group } from './field.js';
import { isNull, kind, typeName } from './schema.js';

// options: the alternatives, resolved. A choice that is not required begins
// with "Not set", and fields of an alternative are made when it is chosen, so
// that a model may contain itself.
export function choiceField(context, options, build) {
  const { schema, root, label, required } = context;
  const select = h(
    'select',
    { id: newId('choice'), 'aria-label': `${label}: type` },
    required || h('option', { value: '' }, unset(schema)),
    options.map((each, index) => h('option', { value: index }, each.title || (isNull(each) ? 'null' : typeName(each, root)))),
  );
  const place = h('div', { class: 'chosen' });
  const { element, error } = group(context, select, place);
  let field = null;

  const choose = (value) => {
    select.value = value;
    const chosen = options[Number(value)];
    field = value === '' || isNull(chosen)
      ? null : build({
        ...context, schema: chosen, label: chosen.title || typeName(chosen, root), required: true, place: 'alternative',
      });
    replace(place, field && field.element);
  };
  select.addEventListener('change', () => choose(select.value));
  if (required) choose('0');

  return {
    element,
    read() {
      if (select.value === '') return undefined;
      return field ? field.read() : null;
    },
    write(value) {
      if (value === undefined) {
        choose(required ? '0' : '');
        return;
      }
      const index = options.findIndex((each) => fits(each, value));
      choose(index < 0 ? select.value : String(index));
      field?.write(value);
    },
    place(tokens, text) {
      const found = field && tokens.length ? field.place(tokens, text) : null;
      if (found) return found;
      error.show(text);
      return select;
    },
    clear() {
      error.clear();
      field?.clear();
    },
  };
}

function unset(schema) {
  const hasDefault = schema.default !== undefined && schema.default !== null;
  return hasDefault ? `Default (${stringify(schema.default)})` : 'Not set';
}

// Return whether a value is probably one of an alternative.
function fits(schema, value) {
  switch (kind(schema)) {
    case 'enum': return (schema.enum || [schema.const]).includes(value);
    case 'array': return Array.isArray(value);
    case 'object': return isObject(value) && (schema.required || []).every((name) => Object.hasOwn(value, name))
      && Object.entries(schema.properties || {}).every(([name, each]) => !('const' in each) || !Object.hasOwn(value, name) || each.const === value[name]);
    case 'map': return isObject(value);
    case 'null': return value === null;
    case 'integer': return Number.isInteger(value) || typeof value === 'bigint';
    case 'any': return true;
    default: return typeof value === kind(schema);
  }
}
