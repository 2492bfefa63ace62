// SPDX-License-Identifier: Apache-2.0
// Selection of the field for a schema.

import { anyField } from './any.js';
import { choiceField } from './choice.js';
import { arrayField, mapField, objectField } from './containers.js';
import { booleanField, enumField, nullField, textField } from './scalar.js';
import { alternatives, isNull, isScalar, kind, resolve } from './schema.js';

const MAX_DEPTH = 12;

// context: schema, root (the whole schema), label, required, secret,
// secretNames (names of secret parameters), place ('top' for all parameters,
// 'item' of a list or map, 'alternative' of a choice, otherwise null).
export function build(parent) {
  const context = { ...parent, depth: (parent.depth || 0) + 1 };
  const { root, required, place } = context;
  const schema = resolve(context.schema, root);
  // A model may require itself.
  if (context.depth > MAX_DEPTH) return anyField({ ...context, schema });
  const options = alternatives(schema, root);
  const values = options.filter((each) => !isNull(each));
  const nullable = values.length < options.length;
  const mayOmit = !required && (!nullable || (schema.default ?? null) === null);

  if (values.length === 1) {
    const [one] = values;
    const merged = { ...one, ...described(schema) };
    const direct = { ...context, schema: merged };
    const optional = kind(one) === 'object' && !required && place !== 'top';
    // An omitted value has the same effect as null.
    if ((!nullable || mayOmit) && !optional) {
      return isScalar(one) ? scalar(direct) : container(direct);
    }
  }
  if (values.length > 1 && !nullable && values.every((each) => kind(each) === 'enum')) {
    return enumField({ ...context, schema }, values.flatMap(constants));
  }
  const offered = nullable && mayOmit ? values : options;
  if (offered.length === 0) return nullField({ ...context, schema });
  return choiceField({ ...context, schema }, offered, build);
}

function described({ title, description, default: initial, examples }) {
  const found = { title, description, default: initial, examples };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function constants(schema) {
  return 'const' in schema ? [schema.const] : schema.enum;
}

function scalar(context) {
  switch (kind(context.schema)) {
    case 'enum': return enumField(context, constants(context.schema));
    case 'boolean': return booleanField(context);
    case 'null': return nullField(context);
    default: return textField(context);
  }
}

function container(context) {
  switch (kind(context.schema)) {
    case 'array': return arrayField(context, build);
    case 'object': return objectField(context, build);
    case 'map': return mapField(context, build);
    default: return anyField(context);
  }
}
