// SPDX-License-Identifier: Apache-2.0
// JSON without loss of digits: integers beyond 2^53 become BigInt.

const INTEGER = /^-?\d+$/;

export function parse(text) {
  return JSON.parse(text, (_key, value, context) => {
    const lost = typeof value === 'number' && !Number.isSafeInteger(value)
      && context && INTEGER.test(context.source);
    return lost ? BigInt(context.source) : value;
  });
}

export function stringify(value, indent) {
  return JSON.stringify(value, (_key, each) => {
    if (typeof each !== 'bigint') return each;
    // Without rawJSON the server rejects the string instead of a rounded number.
    return JSON.rawJSON ? JSON.rawJSON(String(each)) : String(each);
  }, indent);
}

// Return the value of a text in a field for numbers, or the text itself,
// whose error the server reports.
export function readNumber(text) {
  try {
    const value = parse(text);
    return ['number', 'bigint'].includes(typeof value) ? value : text;
  } catch {
    return text;
  }
}

export function equal(first, second) {
  return stringify(first) === stringify(second);
}

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Return the segments of a JSON pointer.
export function pointerTokens(pointer) {
  return pointer.split('/').slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}
