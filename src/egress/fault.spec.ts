import { errors } from 'undici';
import { expect, it } from 'vitest';
import { codeOf, EgressFault, faultOf } from './fault.js';

const withCode = (code: unknown): Error => Object.assign(new Error('10.0.0.1 said <b>'), { code });

it.each([
  [new EgressFault('dns'), 'dns'],
  [new errors.HeadersOverflowError(), 'response_too_large'],
  [new errors.HeadersTimeoutError(), 'timeout'],
  [new errors.ConnectTimeoutError(), 'connect'],
  [new errors.InvalidArgumentError(), 'url_rejected'],
  [new errors.SocketError('other side closed'), 'reset'],
  [new errors.SocketError('bad upgrade'), 'response_invalid'],
  [new errors.HTTPParserError('Expected HTTP/'), 'response_invalid'],
  [withCode('HPE_HEADER_OVERFLOW'), 'response_too_large'],
  [withCode('ECONNRESET'), 'reset'],
  [new TypeError('a bug'), 'reset'],
  ['thrown text', 'reset'],
])('%s is %s', (error, reason) => {
  expect(faultOf(error).reason).toBe(reason);
});

it('keeps nothing of an error but a code that looks like one', () => {
  const fault = faultOf(withCode('ECONNRESET'));

  expect(Object.keys(fault).toSorted()).toEqual(['code', 'name', 'reason']);
  expect([fault.code, fault.message, fault.cause]).toEqual([
    'ECONNRESET',
    'The connection broke before the answer',
    undefined,
  ]);
  expect(codeOf(withCode('<script>'))).toBeUndefined();
  expect(codeOf(withCode(7))).toBeUndefined();
  expect(codeOf(withCode('A'.repeat(65)))).toBeUndefined();
});
