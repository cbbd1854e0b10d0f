import { describe, expect, it } from 'vitest';
import { JsonFault, MAX_JSON_DEPTH, parseStrictJson } from './strict-json.js';

function faultOf(input: string | Uint8Array): string {
  try {
    parseStrictJson(input);
    return 'none';
  } catch (error) {
    return error instanceof JsonFault ? error.kind : `threw ${String(error)}`;
  }
}

describe('strict JSON', () => {
  it('reads what every parser reads the same', () => {
    const text = '{"a":[1,-2.5e3,"x\\"y\\\\",null,true],"b":{"a":{}},"":"é😀"}';

    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    expect(parseStrictJson(new TextEncoder().encode(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['{"a":1,"a":2}', 'duplicate'],
    ['{"iss":1,"\\u0069ss":2}', 'duplicate'],
    ['[{"a":{"b":1,"b":1}}]', 'duplicate'],
    ['{"__proto__":1}', 'member'],
    ['{"\\u005f_proto__":1}', 'member'],
    ['{"constructor":{"prototype":{}}}', 'member'],
    ['{"exp":1e400}', 'number'],
    ['{"exp":-1e308999}', 'number'],
    [`[${'9'.repeat(400)}]`, 'number'],
    ['{"a":"\\u0000"}', 'string'],
    ['{"a":"\\ud800"}', 'string'],
    ['{"\\udfff":1}', 'string'],
    ['\uFEFF{}', 'encoding'],
    ['['.repeat(100_000), 'depth'],
    ['{"a":'.repeat(100_000), 'depth'],
    ['', 'syntax'],
    ['{', 'syntax'],
    ['{"a"', 'syntax'],
    ['"open', 'syntax'],
    ["{'a':1}", 'syntax'],
    ['{"a":1,}', 'syntax'],
    ['{"a":01}', 'syntax'],
    ['[NaN]', 'syntax'],
    ['{}// c', 'syntax'],
    ['["a":1]', 'syntax'],
    ['{:1}', 'syntax'],
  ])('refuses %j', (text, kind) => {
    expect(faultOf(text)).toBe(kind);
  });

  it('refuses bytes that are not UTF-8, or that hide a BOM', () => {
    expect(faultOf(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22))).toBe('encoding');
    expect(faultOf(Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0))).toBe('encoding');
    expect(faultOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d))).toBe('encoding');
  });

  it('takes a member named constructor that is ordinary data', () => {
    expect(parseStrictJson('{"constructor":"Bob","x":{"prototype":1}}')).toEqual({
      constructor: 'Bob',
      x: { prototype: 1 },
    });
  });

  it('takes exactly the documented depth', () => {
    const deep = (n: number): string => '['.repeat(n) + ']'.repeat(n);

    expect(faultOf(deep(MAX_JSON_DEPTH))).toBe('none');
    expect(faultOf(deep(MAX_JSON_DEPTH + 1))).toBe('depth');
  });
});
