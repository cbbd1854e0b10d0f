/** The same envelope with one digit of its content changed, under the signature it had. */
export function flipContent(envelope: string): string {
  const [header = '', payload = '', signature = ''] = envelope.split('.');
  const text = Buffer.from(payload, 'base64url').toString();
  const changed = text.replace('"amount":1', '"amount":9');
  if (changed === text) throw new Error('There is nothing to change in this envelope');
  return [header, Buffer.from(changed).toString('base64url'), signature].join('.');
}
