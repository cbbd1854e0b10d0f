import { OauthError, invalidClient } from './oauth-error.js';

const GRANT = 'client_credentials';
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const FORM = /^application\/x-www-form-urlencoded[\t ]*(?:;|$)/i;

/** A token request that is well-formed; nothing in it is believed yet. */
export interface TokenRequest {
  readonly assertion: string;
  readonly clientId: string | undefined;
  readonly scope: string | undefined;
}

/** Reads the form of RFC 6749 section 4.4.2 with RFC 7523 section 2.2. Throws OauthError and nothing else. */
export function readTokenRequest(contentType: string | undefined, body: unknown): TokenRequest {
  if (!FORM.test(contentType ?? ''))
    throw invalidRequest('The content type must be application/x-www-form-urlencoded');
  const form = parametersOf(body);
  const grant = form.get('grant_type');
  if (grant === undefined) throw invalidRequest('grant_type is missing');
  if (grant !== GRANT)
    throw new OauthError('unsupported_grant_type', `grant_type must be ${GRANT}`);
  const assertion = form.get('client_assertion');
  // RFC 6749 section 5.2: no client authentication, or an unsupported one, is invalid_client too.
  if (form.get('client_assertion_type') !== ASSERTION_TYPE || assertion === undefined)
    throw invalidClient();
  return { assertion, clientId: form.get('client_id'), scope: form.get('scope') };
}

// RFC 6749 section 3.2: repeated ones are an error, empty ones are absent, unknown ones are ignored.
function parametersOf(body: unknown): ReadonlyMap<string, string> {
  const form = new Map<string, string>();
  for (const [name, value] of Object.entries(body ?? {})) {
    if (typeof value !== 'string') throw invalidRequest('A parameter is there twice');
    if (value !== '') form.set(name, value);
  }
  return form;
}

function invalidRequest(description: string): OauthError {
  return new OauthError('invalid_request', description);
}
