// SPDX-License-Identifier: Apache-2.0
// JSON Schemas as pydantic generates them.

import { isObject, stringify } from '../json.js';

const SCALARS = ['string', 'integer', 'number', 'boolean', 'null'];
const MAX_NAME_DEPTH = 3;

// Return a schema without references at its top level.
export function resolve(schema, root) {
  let found = isObject(schema) ? schema : {};
  for (let count = 0; count < 20; count += 1) {
    const { $ref, allOf, ...rest } = found;
    if (typeof $ref === 'string') {
      const target = $ref.split('/').slice(1).reduce((value, key) => value?.[key], root);
      found = { ...(isObject(target) ? target : {}), ...rest };
    } else if (allOf && allOf.length === 1) {
      found = { ...allOf[0], ...rest };
    } else {
      return found;
    }
  }
  return {};
}

// Return the alternatives of a resolved schema; a single one if it has none.
export function alternatives(schema, root) {
  const { anyOf, oneOf, ...rest } = schema;
  const several = anyOf || oneOf;
  if (several) {
    return several.flatMap((each) => alternatives(resolve(each, root), root));
  }
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => ({ ...rest, type }));
  }
  return [schema];
}

export function isNull(schema) {
  return schema.type === 'null' || schema.const === null;
}

// Return the kind of the field for a resolved schema without alternatives.
export function kind(schema) {
  if ('const' in schema || schema.enum) return 'enum';
  if (schema.type === 'array' && schema.prefixItems) return 'any';
  if (schema.type === 'array') return 'array';
  if (schema.type === 'object' || schema.properties) {
    if (schema.properties) return 'object';
    return isObject(schema.additionalProperties) || schema.additionalProperties !== false
      ? 'map' : 'object';
  }
  return SCALARS.includes(schema.type) ? schema.type : 'any';
}

export function isSecret(schema) {
  return schema.writeOnly === true || schema.format === 'password';
}

export function isScalar(schema) {
  return kind(schema) === 'enum' || SCALARS.includes(schema.type);
}

// Return a name for users. A schema may contain itself.
export function typeName(schema, root, depth = 0) {
  if (depth > MAX_NAME_DEPTH) return 'value';
  const resolved = resolve(schema, root);
  const several = alternatives(resolved, root);
  if (several.length > 1) {
    return several.filter((each) => !isNull(each)).map((each) => typeName(each, root, depth + 1)).join(' or ');
  }
  const [one] = several;
  switch (kind(one)) {
    case 'enum': return 'const' in one ? stringify(one.const) : 'choice';
    case 'array': return `list of ${typeName(one.items || {}, root, depth + 1)}`;
    case 'object': return one.title || 'object';
    case 'map': return mapName(one.additionalProperties, root, depth + 1);
    case 'any': return one.type === 'array' ? 'list' : 'any JSON value';
    default: return { string: one.format && !isSecret(one) ? one.format : 'text' }[one.type] || one.type;
  }
}

function mapName(values, root, depth) {
  const isTyped = isObject(values) && Object.keys(values).length;
  return isTyped ? `map of ${typeName(values, root, depth)}` : 'object';
}

// Return the bounds of a value as text.
export function bounds(schema) {
  const found = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (minimum !== undefined && maximum !== undefined) found.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) found.push(`at least ${minimum}`);
  else if (maximum !== undefined) found.push(`at most ${maximum}`);
  if (exclusiveMinimum !== undefined) found.push(`above ${exclusiveMinimum}`);
  if (exclusiveMaximum !== undefined) found.push(`below ${exclusiveMaximum}`);
  if (schema.multipleOf !== undefined) found.push(`a multiple of ${schema.multipleOf}`);
  found.push(count(schema.minLength, schema.maxLength, 'characters'));
  found.push(count(schema.minItems, schema.maxItems, 'items'));
  if (schema.uniqueItems) found.push('without duplicates');
  if (schema.pattern) found.push(`pattern ${schema.pattern}`);
  return found.filter(Boolean).join(', ');
}

function count(least, most, noun) {
  if (least !== undefined && most !== undefined) return `${least} to ${most} ${noun}`;
  if (least !== undefined) return `at least ${least} ${noun}`;
  return most === undefined ? '' : `at most ${most} ${noun}`;
}
