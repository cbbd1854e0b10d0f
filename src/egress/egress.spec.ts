import { describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import { Egress, EgressFault, type EgressRules, type Lookup } from './index.js';

const STRICT: EgressRules = {
  allowHttp: false,
  allowCidrs: [],
  allowLoopback: false,
  maxResponseBytes: 65_536,
};
const LOCAL: EgressRules = { ...STRICT, allowLoopback: true };
const INTERNAL: EgressRules = { ...STRICT, allowCidrs: ['10.0.0.0/8'] };

const neverLooked: Lookup = () => Promise.reject(new Error('the text was enough'));
const finds =
  (...addresses: string[]): Lookup =>
  () =>
    Promise.resolve(
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

async function outcome(text: unknown, rules = STRICT, lookup?: Lookup): Promise<string> {
  const egress = new Egress(rules, lookup ?? neverLooked);
  try {
    return await egress.admitUrl(text, { resolve: lookup !== undefined });
  } catch (error) {
    return error instanceof Refused && error.code === 'url_rejected' ? 'refused' : String(error);
  }
}

describe('admits', () => {
  it.each([
    ['https://partner.example/hook', 'https://partner.example/hook'],
    ['https://partner.example', 'https://partner.example/'],
    ['HTTPS://Partner.Example:443/Hook?a=B&c=%20', 'https://partner.example/Hook?a=B&c=%20'],
    ['https://partner.example?x=1', 'https://partner.example/?x=1'],
    ['https://8.8.8.8/hook', 'https://8.8.8.8/hook'],
    ['https://[2606:4700:4700::1111]/', 'https://[2606:4700:4700::1111]/'],
    ['https://xn--bcher-kva.example/', 'https://xn--bcher-kva.example/'],
    ['https://a_b.example/', 'https://a_b.example/'],
  ])('%s', async (text, href) => {
    expect(await outcome(text)).toBe(href);
  });
});

// The numbers are lines of the attack catalogue, group J.
describe('refuses by the text alone', () => {
  it.each<[string, ...unknown[]]>([
    ['no URL', undefined, null, 7, {}, ['https://a.example/'], '', 'x', '/hook', 'https://'],
    ['211 loopback', ...hosts('127.0.0.1', '127.1', '127.0.1', '127.127.127.127', '0', '0.0.0.0')],
    ['211 names', ...hosts('localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'ip6-localhost')],
    ['212 one number', ...hosts('2130706433', '017700000001', '0x7f000001', '127.0.0.1.')],
    ['212 odd parts', ...hosts('0177.0.0.1', '0x7f.1', '0x7f.0x0.0x0.0x1', '0251.0376.0251.0376')],
    ['212 public, but odd', ...hosts('134744072', '0x8.8.8.8', '8.8.8.8.', '%38.8.8.8')],
    ['213 overflow', ...hosts('0x100000000', '256.256.256.256', '425.510.425.510', '1.2.3.4.5')],
    ['215 IPv6', ...hosts('[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[0000::0001]')],
    ['215 mapped', ...hosts('[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:a9fe:a9fe]')],
    [
      '216 carried',
      ...hosts('[::7f00:1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::1]', '[2002:7f00:1::]'),
    ],
    ['216 tunnels', ...hosts('[2001:0:1::1]', '[2606:4700::5efe:7f00:1]', '[::127.0.0.1]')],
    ['217 zones', ...hosts('[fe80::1%25eth0]', '[fe80::1%eth0]', '[v1.x]')],
    ['218 private', ...hosts('10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '169.254.0.1')],
    [
      '218 special',
      ...hosts('192.0.0.1', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'),
    ],
    ['218 IPv6', ...hosts('[fc00::1]', '[fe80::1]', '[fec0::1]', '[ff02::1]', '[100::1]')],
    ['218 more IPv6', ...hosts('[2001:db8::1]', '[3fff::1]', '[5f00::1]', '[fd00:ec2::254]')],
    [
      '219 metadata',
      ...hosts('169.254.169.254', '169.254.170.2', '168.63.129.16', '100.100.100.200'),
    ],
    [
      '219 names',
      ...hosts('metadata.google.internal', 'metadata', 'instance-data', 'metadata.goog'),
    ],
    ['219 inside names', ...hosts('rancher-metadata', 'a.internal', 'printer.local', 'intranet')],
    [
      '228 user names',
      ...hosts('good.example@127.0.0.1', 'a:b@a.example', '@a.example', 'a%40b@c.example'),
    ],
    ['229 backslashes', 'https:\\\\a.example\\', 'https://a.example\\@b.example/'],
    ['229 slashes', 'https:a.example', '//a.example', 'https:///a.example', 'https:/a.example/'],
    ['229 dot segments', 'https://a.example/a/../b', 'https://a.example/%2e%2e/b'],
    ['230 white space', 'https://a\tb.example/', ' https://a.example/', 'https://a.example/\n'],
    [
      '230 control',
      'https://a.example/%00',
      'https://a.example/%0d%0aX:y',
      'https://a\u0000.example/',
    ],
    ['230 hidden', 'https://a\u00adb.example/', 'https://a\u3002example/', 'https://ａ.example/'],
    ['231 ports', ...hosts('a.example:22', 'a.example:25', 'a.example:6379', 'a.example:80')],
    ['231 no ports', ...hosts('a.example:0', 'a.example:65536', 'a.example:-1', 'a.example:')],
    ['231 odd ports', ...hosts('a.example:0443', 'a.example:443:443', 'a.example:4 43')],
    ['233 sockets', 'http://unix:/var/run/docker.sock:/x', 'unix:///x', 'http+unix://%2Fvar/x'],
    [
      '234 names',
      ...hosts('bücher.example', 'xn--.example', 'xn--a.example', '-a.example', 'a-.example'),
    ],
    [
      '234 lengths',
      ...hosts(`${'a'.repeat(64)}.example`, `${'a.'.repeat(124)}example`, 'a..example'),
    ],
    [
      '236 length',
      `https://a.example/${'a'.repeat(8192)}`,
      `https://a.example/?${'a=1&'.repeat(10_000)}`,
    ],
    ['236 fragments', 'https://a.example/#', 'https://a.example/#x'],
    [
      'schemes',
      'http://a.example/',
      'ftp://a.example/',
      'file:///etc/passwd',
      'gopher://a.example/',
    ],
    [
      'more schemes',
      'data:text/plain,x',
      'javascript:alert(1)',
      'blob:https://a.example/x',
      'ws://a.example/',
    ],
    [
      'odd hosts',
      ...hosts('a%2eexample', 'a!b.example', "a'b.example", 'a*.example', 'a,b.example'),
    ],
  ])('%s', async (_, ...texts) => {
    expect(await Promise.all(texts.map((text) => outcome(text)))).toEqual(
      texts.map(() => 'refused'),
    );
  });

  it('says why, and never repeats the URL', async () => {
    const egress = new Egress(STRICT, neverLooked);

    await expect(egress.admitUrl('https://secret@a.example/')).rejects.toMatchObject({
      code: 'url_rejected',
      detail: 'it has a user name',
    });
  });
});

describe('with loopback allowed', () => {
  it.each([
    'http://127.0.0.1:8080/hook',
    'http://127.9.9.9/',
    'http://[::1]:1/',
    'http://localhost:65535/',
    'http://a.localhost/',
    'https://localhost:8443/',
    'https://partner.example/',
  ])('admits %s', async (text) => {
    expect(await outcome(text, LOCAL)).toBe(text);
  });

  it.each([
    'http://a.example/',
    'https://a.example:8443/',
    'http://8.8.8.8/',
    'https://8.8.8.8:8443/',
    'http://0.0.0.0/',
    'http://127.1/',
    'http://10.0.0.1/',
    'http://localhost:0/',
    'http://localhost./',
    'https://a.internal/',
    'http://metadata/',
    'http://169.254.169.254/',
  ])('refuses %s', async (text) => {
    expect(await outcome(text, LOCAL)).toBe('refused');
  });

  it('does not take the word of a loopback name', async () => {
    expect(await outcome('http://localhost:80/', LOCAL, finds('127.0.0.1', '::1'))).not.toBe(
      'refused',
    );
    expect(await outcome('http://localhost:80/', LOCAL, finds('8.8.8.8'))).toBe('refused');
    expect(await outcome('https://localhost/', LOCAL, finds('8.8.8.8'))).toBe('refused');
  });
});

describe('with exceptions, http and ports', () => {
  it('admits any port and inside names, when every address is in an exception', async () => {
    expect(await outcome('https://10.0.0.1:8443/', INTERNAL)).toBe('https://10.0.0.1:8443/');
    expect(await outcome('https://hook:8443/', INTERNAL, finds('10.0.0.1'))).toBe(
      'https://hook:8443/',
    );
    expect(await outcome('https://a.example:22/', INTERNAL, finds('10.0.0.1'))).not.toBe('refused');
    expect(await outcome('https://a.example:22/', INTERNAL, finds('8.8.8.8'))).toBe('refused');
    expect(await outcome('https://hook/', INTERNAL, finds('8.8.8.8'))).toBe('refused');
    expect(await outcome('https://hook/', INTERNAL, finds('10.0.0.1', '8.8.8.8'))).toBe('refused');
    expect(await outcome('https://11.0.0.1:8443/', INTERNAL)).toBe('refused');
    expect(await outcome('http://10.0.0.1/', INTERNAL)).toBe('refused');
    expect(await outcome('https://metadata/', INTERNAL, finds('10.0.0.1'))).toBe('refused');
  });

  it('never admits metadata, whatever the exceptions', async () => {
    const rules = { ...STRICT, allowHttp: true, allowCidrs: ['0.0.0.0/0', '::/0'] };

    expect(await outcome('http://169.254.169.254/', rules)).toBe('refused');
    expect(await outcome('http://a.example/', rules, finds('fd00:ec2::254'))).toBe('refused');
    expect(await outcome('http://0.0.0.0/', rules)).toBe('http://0.0.0.0/');
  });

  it('admits http on port 80 alone when http is allowed', async () => {
    const rules = { ...STRICT, allowHttp: true };

    expect(await outcome('http://a.example:80/', rules)).toBe('http://a.example/');
    expect(await outcome('http://a.example:8080/', rules)).toBe('refused');
    expect(await outcome('http://127.0.0.1/', rules)).toBe('refused');
  });

  it('admits the ports that are named, or any', async () => {
    const named = { ...STRICT, allowPorts: [8443] };
    const any = { ...STRICT, allowPorts: 'any' } as const;

    expect(await outcome('https://a.example:8443/', named)).not.toBe('refused');
    expect(await outcome('https://a.example/', named)).toBe('refused');
    expect(await outcome('https://a.example:1/', any)).not.toBe('refused');
    expect(await outcome('https://a.example:0/', any)).toBe('refused');
  });

  it('does not start with an exception that is no CIDR', () => {
    expect(() => new Egress({ ...STRICT, allowCidrs: ['10.0.0.0/40'] })).toThrow(/CIDR/);
  });
});

describe('refuses by the addresses (221, 224, 225)', () => {
  it.each([
    ['to loopback', ['127.0.0.1']],
    ['to metadata', ['168.63.129.16']],
    ['mixed', ['8.8.8.8', '10.0.0.1']],
    ['mixed families', ['8.8.8.8', 'fd00::1']],
    ['one of a thousand', [...Array.from({ length: 999 }, () => '8.8.8.8'), '::1']],
    ['no address', []],
    ['rubbish', ['x']],
  ])('%s', async (_, addresses) => {
    expect(await outcome('https://a.example/', STRICT, finds(...addresses))).toBe('refused');
  });

  it('says that a name does not resolve', async () => {
    const egress = new Egress(STRICT, () =>
      Promise.reject(new Error('queryA ESERVFAIL a.example')),
    );

    await expect(egress.admitUrl('https://a.example/', { resolve: true })).rejects.toMatchObject({
      detail: 'the name does not resolve',
    });
  });
});

describe('post judges the text again (241)', () => {
  it.each(['https://127.0.0.1/', 'http://a.example/', 'file:///etc/passwd', 'rubbish', ''])(
    '%j',
    async (url) => {
      const post = new Egress(STRICT, neverLooked).post(url, {
        headers: {},
        body: '',
        timeoutMs: 300,
      });

      await expect(post).rejects.toBeInstanceOf(EgressFault);
      await expect(post).rejects.toMatchObject({ reason: 'url_rejected' });
    },
  );
});

function hosts(...names: string[]): string[] {
  return names.map((name) => `https://${name}/hook`);
}
