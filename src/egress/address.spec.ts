import { describe, expect, it } from 'vitest';
import { isSameAddress, isWithin, kindOf, parseCidr } from './address.js';

describe('kind of an address', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00::1'])(
    '%s is public',
    (address) => {
      expect(kindOf(address)).toBe('public');
    },
  );

  it.each(['127.0.0.1', '127.127.127.127', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'])(
    '%s is loopback',
    (address) => {
      expect(kindOf(address)).toBe('loopback');
    },
  );

  it.each([
    '168.63.129.16',
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:0ec2:0:0::254',
    '::ffff:a9fe:a9fe',
  ])('%s is metadata', (address) => {
    expect(kindOf(address)).toBe('metadata');
  });

  it.each([
    ['this network', '0.0.0.0', '0.1.2.3'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ['carrier-grade NAT', '100.64.0.1', '100.127.255.255'],
    ['link-local', '169.254.1.1', 'fe80::1', 'febf::1', 'fe80::1%eth0'],
    ['protocol assignments', '192.0.0.1', '192.88.99.1', '192.31.196.1', '192.175.48.1'],
    ['documentation', '192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
    ['benchmarking', '198.18.0.1', '198.19.255.255', '2001:2::1'],
    ['multicast', '224.0.0.1', '239.255.255.255', 'ff02::1', 'ff00::'],
    ['reserved', '240.0.0.1', '255.255.255.255', '5f00::1'],
    ['unspecified', '::'],
    ['unique local', 'fc00::1', 'fdff::1'],
    ['site-local', 'fec0::1'],
    ['discard', '100::1'],
    ['IPv4-compatible', '::127.0.0.1', '::8.8.8.8'],
    ['IPv4-translated', '::ffff:0:7f00:1'],
    ['NAT64', '64:ff9b::7f00:1', '64:ff9b:1::1', '64:ff9b::8.8.8.8'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001::1', '2001:0:4136:e378::1'],
    ['ISATAP', '2606:4700::5efe:7f00:1', '2606:4700::200:5efe:a00:1'],
    ['not allocated', '4000::1', '1::1', 'e000::1'],
    [
      'no address',
      '',
      'localhost',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '2130706433',
      '[::1]',
      '1.2.3',
    ],
  ])('%s is special', (_, ...addresses) => {
    expect(addresses.map(kindOf)).toEqual(addresses.map(() => 'special'));
  });
});

describe('exceptions', () => {
  it('reads ranges and single addresses', () => {
    const ranges = ['10.1.0.0/16', '192.168.1.7', 'fd00::/8'].map(parseCidr);

    expect(isWithin('10.1.255.255', ranges)).toBe(true);
    expect(isWithin('::ffff:10.1.0.1', ranges)).toBe(true);
    expect(isWithin('192.168.1.7', ranges)).toBe(true);
    expect(isWithin('fd12::1', ranges)).toBe(true);
    expect(isWithin('10.2.0.0', ranges)).toBe(false);
    expect(isWithin('192.168.1.8', ranges)).toBe(false);
    expect(isWithin('fc00::1', ranges)).toBe(false);
    expect(isWithin('localhost', ranges)).toBe(false);
  });

  it.each(['', 'x', '10.0.0.0/', '10.0.0.0/33', '10/8', '10.0.0.0/8/8', '::/129'])(
    'does not start with %j',
    (text) => {
      expect(() => parseCidr(text)).toThrow(/CIDR/);
    },
  );
});

it('knows an address in another spelling', () => {
  expect(isSameAddress('::ffff:8.8.8.8', '8.8.8.8')).toBe(true);
  expect(isSameAddress('2606:4700:0:0::1', '2606:4700::1')).toBe(true);
  expect(isSameAddress('8.8.8.8', '8.8.4.4')).toBe(false);
  expect(isSameAddress('', '')).toBe(false);
});
