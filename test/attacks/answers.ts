/** Where a line of ATTACKS.md is answered: a spec and words of a test in it, or why there is none. */
export type Answer =
  | { readonly spec: string; readonly says: string }
  /** Rows of test/support/attacks.ts, each of which test/journey/accept.spec.ts posts. */
  | 'posted'
  | { readonly because: string };

const in_ = (spec: string, says: string): Answer => ({ spec: `${spec}.spec.ts`, says });
const because = (reason: string): Answer => ({ because: reason });
const POSTED = 'posted';

const accept = (says: string): Answer => in_('test/journey/accept', says);
const seal = (says: string): Answer => in_('src/crypto/seal', says);
const policy = (says: string): Answer => in_('src/crypto/key-policy', says);
const set = (says: string): Answer => in_('src/crypto/key-set', says);
const keys = (says: string): Answer => in_('test/journey/keys-and-grants', says);
const again = (says: string): Answer => in_('test/journey/second-verification', says);
const joining = (says: string): Answer => in_('test/journey/onboarding', says);
const once = (says: string): Answer => in_('test/journey/uniqueness', says);
const input = (says: string): Answer => in_('test/journey/bad-input', says);
const endpoints = (says: string): Answer => in_('test/journey/endpoints', says);
const tokens = (says: string): Answer => in_('test/journey/tokens', says);
const poll = (says: string): Answer => in_('test/journey/poll', says);
const sealedAttack = (says: string): Answer => in_('test/journey/sealed-attacks', says);
const opened = (says: string): Answer => in_('src/verify/open-message', says);
const http = (says: string): Answer => in_('test/attacks/l-http', says);
const mine = (says: string): Answer => in_('test/attacks/h-authorization', says);
const operator = (says: string): Answer => in_('test/attacks/m-operator', says);
const audit = (says: string): Answer => in_('test/attacks/audit', says);
const canary = (says: string): Answer => in_('test/attacks/canaries', says);
const badKeys = (says: string): Answer => in_('test/attacks/d-keys', says);
const clocks = (says: string): Answer => in_('test/attacks/f-replay-and-clocks', says);

const ENVELOPES: Readonly<Record<number, readonly Answer[]>> = Object.fromEntries(
  (
    '1 2 3 5 6 7 8 9 11 12 13 14 15 17 18 19 20 21 23 24 25 26 29 30 31 33 35 37 38 39 41 43 44 45 48 49 50 51 ' +
    '53 54 56 57 59 60 61 63 65 66 67 68 69 71 73 74 75 77 78 79 80 84 119 120 121 122 123 126 127 128 ' +
    '129 131 133 134 135 137 138 143 144 145 147 150 151'
  )
    .split(' ')
    .map((line) => [Number(line), [POSTED]]),
);

/** Every line of groups A to I and L to N. */
export const ANSWERS: Readonly<Record<number, readonly Answer[]>> = {
  ...ENVELOPES,
  // A, B: what is not one envelope posted once
  13: [POSTED, accept('line 13: as a JSON object')],
  23: [POSTED, accept('are exactly 1 MiB, and one byte more is too large (line 23)')],
  27: [once('the (r, n-s) twin of ES256 (ATTACKS 27)')],
  32: [
    in_('src/crypto/verification-key', 'is never looked at with an encryption key'),
    badKeys('the code that verifies (32, 36)'),
  ],
  36: [badKeys('tells jose at every call which algorithm it must be')],
  39: [POSTED, accept('makes the exchange call no URL that a token names (line 39)')],
  42: [
    in_('test/support/attacks', 'KIDS_THAT_REACH_OUT'),
    in_('test/support/attacks', 'UNION SELECT'),
  ],
  47: [set('is refused when a kid or a key is there twice')],
  55: [
    accept('line 55: an envelope is no API credential'),
    accept('line 55: neither an assertion, a receipt, nor a key proof is an envelope'),
    tokens('takes no access token as an envelope'),
  ],
  60: [POSTED, accept('line 60: a retired or revoked key signs nothing more')],
  // C: what only the recipient can see
  62: [sealedAttack('of the message: content that is sealed but not signed')],
  63: [POSTED, sealedAttack('of the envelope around the same ciphertext')],
  71: [POSTED, seal('does not open what is compressed')],
  72: [seal('does not open what is compressed'), in_('src/crypto/sealed', "'zip', 'crit', 'jwk'")],
  73: [POSTED, seal('stays shut, in the same words, when any one bit is another')],
  74: [
    POSTED,
    in_('src/crypto/curve-points', 'X25519 of small order, and what is another spelling'),
  ],
  81: [set('is refused when a kid or a key is there twice'), joining('the same key twice')],
  83: [accept('line 83: is not sealed to an enc key that was retired or revoked')],
  85: [
    because(
      'a length is seen by whoever sees the envelope: SECURITY.md says so under "Metadata", padding is the sender’s',
    ),
  ],
  86: [
    seal('stays shut, in the same words, when any one bit is another'),
    opened('cannot open what is sealed to a key that it does not hold'),
  ],
  // D
  87: [badKeys('of 512 bits (87)'), policy('1024 bits')],
  89: [badKeys('that is a square (89)'), in_('src/crypto/rsa-modulus', 'of two primes is sound')],
  90: [in_('src/crypto/wycheproof', 'refuses the keys that it names weak')],
  91: [
    policy('keys whose private half is printed in public'),
    because(
      'no list of Debian’s or of shared primes is carried: proof of possession, and one owner per thumbprint',
    ),
  ],
  92: [policy('a modulus of a megabit before it does any arithmetic')],
  93: [policy('a modulus with a leading zero, or spelled another way'), policy('the exponent %s')],
  95: [policy('crv secp256k1'), policy('x off the curve')],
  96: [policy('x of 31 bytes'), policy('x of 33 bytes')],
  97: [in_('src/crypto/curve-points', 'Ed25519 of small order')],
  98: [badKeys('takes no signature by a point of small order')],
  99: [
    because(
      'accepted, and judged alike both times: both verifications are one VerificationKey of one library',
    ),
  ],
  101: [policy('kty oct'), policy('a secret member')],
  102: [policy('use in capitals'), policy('key_ops without verify')],
  103: [policy('ES384 on P-256'), policy('the misspelled ES521')],
  104: [
    joining('refuses a key that is registered to whoever holds it, without saying whose it is'),
  ],
  105: [
    in_('test/support/attacks', 'line(45'),
    because('the key is the one of (iss, kid), both inside what is signed: no other key is tried'),
  ],
  107: [joining('17 keys'), joining('null as a key'), set('a JWK Set')],
  108: [joining('a secret key'), joining('a private enc key')],
  109: [policy('x5c'), policy('x5u'), policy('x5t')],
  110: [policy('a kid that is a number'), policy('use null'), policy('x that is an object')],
  111: [policy('a thousand members, and __proto__ as a member')],
  113: [badKeys('kinds of keys that do not exist here (113)')],
  114: [policy('without freezing or changing what it was given')],
  115: [
    in_('test/journey/key-source', 'is refused, and the old one stays'),
    in_('test/journey/key-source', 'waits: it signs only when an active key has stated it'),
  ],
  116: [
    in_('test/journey/key-source', 'are not there: %s is url_rejected'),
    in_('test/journey/key-source', 'a set that is not to be had'),
  ],
  117: [
    in_('test/journey/key-source', 'by nothing that a token says'),
    in_('test/journey/key-source', 'when its partner asks, once a minute'),
  ],
  // E
  125: [
    once('the envelope of another partner leaves nothing behind'),
    because('alone, an envelope is its own credential: who carries it does not matter'),
  ],
  132: [again('time that runs out on %s')],
  139: [accept('(line 139)')],
  140: [POSTED, accept('with jtis that differ by case only are two envelopes (line 140)')],
  141: [once('but not when another partner uses the same jti (ATTACKS 141)')],
  146: [accept('with big and precise numbers are delivered byte for byte')],
  149: [
    because(
      'there is no list in HTML or CSV: JSON with nosniff, names are printable text, the command escapes',
    ),
  ],
  150: [POSTED, in_('src/verify/verified-envelope', 'sealpost.endpoint.verification')],
  151: [POSTED, accept('line 151: learns nothing of a recipient')],
  // F
  152: [once('identical bytes again get 202 with the identical receipt')],
  153: [once('with one jti and different bytes one is accepted and 49 are replayed')],
  155: [once('with one jti, each of two contents 25 times')],
  156: [clocks('with the same content and a new jti is another envelope (156)')],
  157: [clocks('cannot outlive what is remembered'), once('after exp has passed')],
  158: [
    in_('test/process/faults', 'that is wiped while envelopes wait loses none of them'),
    in_('test/process/kill', 'at any moment, over and over'),
  ],
  159: [
    once('overlapping batches at two processes accept each envelope once'),
    again('added again for what was delivered deliver nothing'),
  ],
  161: [in_('test/journey/webhook', 'again'), sealedAttack('by the exchange: handled once')],
  162: [once('nor when a refused envelope had used it (ATTACKS 162, 163)')],
  163: [once('nor when a refused envelope had used it (ATTACKS 162, 163)')],
  164: [clocks('an hour: it was set back (164)'), in_('test/laws', 'keeps the rule that $what')],
  165: [clocks('two minutes (165)')],
  167: [
    in_(
      'test/journey/budgets',
      'bounds its envelopes over all processes, and no other partner feels it',
    ),
  ],
  168: [
    poll('never gives one envelope to two pollers'),
    poll('takes an acknowledgement twice, and gives one receipt'),
  ],
  // G
  169: [again('a revoked key: rejected')],
  170: [
    in_(
      'test/journey/commit-rule',
      'and from its answer on nothing is accepted and nothing begins',
    ),
  ],
  171: [
    in_('test/journey/commit-rule', 'an acceptance that was verified on the old trust'),
    in_('src/crypto/verification-key', 'is looked at with a key that was imported once'),
  ],
  173: [keys('never has the kid or the material of one that was there')],
  174: [again('a retired key: delivered')],
  175: [keys('never has the kid or the material of one that was there')],
  176: [keys('never has the kid or the material of one that was there, not even a revoked one')],
  177: [
    keys('may be the last one, and leaves a partner that can do nothing'),
    keys('are not there: as if nobody had them'),
  ],
  179: [again('that nobody of us added are dropped, and the rest goes on')],
  180: [again('a suspended sender: held'), again('a suspended recipient: held')],
  181: [
    again('verification before delivery on %s'),
    because(
      'the second verification is the code of the process that delivers: its policy is the new one',
    ),
  ],
  182: [in_('test/journey/revocation', 'rejects what was accepted from then on')],
  // H
  183: [mine('is not there at /v1/envelopes/:id%s (183, 194)')],
  185: [
    poll('does not acknowledge what was never collected'),
    mine('is neither acknowledged nor declined by its sender or a third (185, 186)'),
  ],
  186: [mine('is neither acknowledged nor declined by its sender or a third (185, 186)')],
  187: [
    keys('are not there: as if nobody had them'),
    endpoints('of another partner is not there, whatever is asked of it'),
  ],
  188: [keys('limit=1000000'), keys('the list of envelopes')],
  189: [mine('members that would give more than was asked for (189)'), joining('may not say %s')],
  191: [
    tokens('is closed to a token of the other scope where it says so'),
    tokens('no longer knows a token whose key is revoked, or retired'),
  ],
  192: [tokens('is not passed by at %s'), input('does nothing on HEAD')],
  193: [
    tokens('is not passed by with a header that names another path'),
    mine('is not had by saying so in a header (193)'),
  ],
  194: [mine('is not there at /v1/envelopes/:id%s (183, 194)')],
  195: [mine('says when, but neither how many there are nor what comes next')],
  // I
  197: [joining('tells whoever copied a public key nothing but that the proof does not hold')],
  198: [joining('with %s is proof_invalid, and nothing stays')],
  199: [joining('lets the same registration wait once, however often it comes at once')],
  200: [joining('may not ask for the id %j'), joining('may not ask for an id that is taken')],
  201: [mine('is not written over by %s (201)')],
  203: [
    in_('test/journey/budgets', 'is told before it is spent'),
    joining('what waits is bounded in all'),
  ],
  204: [joining('holds once, however many come with it at once'), joining('kept as a digest only')],
  205: [
    endpoints('is not shown by any other answer'),
    endpoints('cannot be asked for more than once a minute'),
  ],
  206: [endpoints('has to be shown again for another URL'), audit('endpoint.changed')],
  207: [
    in_(
      'test/journey/key-source',
      'and all of it: a host in other hands gets nothing signed with its own',
    ),
  ],
  209: [joining('17 keys'), joining('no key'), joining('enc keys only')],
  210: [joining('a right-to-left override'), joining('an escape sequence')],
  // L
  267: [input('refuses a body that is too large, by its length or by its chunks')],
  269: [http('a request inside a request (269)')],
  270: [http('a bare LF (270)'), http('a NUL in a header (270)')],
  271: [http('whose chunks have %s is refused (271)')],
  272: [
    input('with two Host headers is refused'),
    http('for another authority than its Host names'),
  ],
  273: [http('by HTTP/1.0 is held to the same rules (273)'), http('leads nowhere (273)')],
  275: [input('refuses %s: %s')],
  276: [input('a byte order mark'), input('a trailing comma')],
  277: [input('a list'), input('null')],
  278: [input('__proto__, escaped'), input('constructor.prototype')],
  279: [input('a duplicate member, once escaped')],
  281: [input('is answered, never with our fault, never with what was sent')],
  282: [input('refuses members that it does not know')],
  283: [input('with %s in it is refused'), input('refuses a query that it does not take')],
  284: [input('a header of 20 KB'), input('2,000 headers')],
  285: [in_('test/journey/hardening', 'goes on with its headers drop by drop')],
  287: [
    http('are answered each, in their order'),
    in_('test/process/embedded', 'ends on Ctrl-C within 5 s with 0'),
  ],
  288: [input('does nothing on HEAD, and has no body for it')],
  289: [
    input('by GET or DELETE has no use for a body'),
    input('answers 405 to a method it does not take'),
  ],
  290: [input('tells no browser of another origin that it may ask')],
  291: [http('holds no line of a claim as a header (291)')],
  293: [
    http('a preface of HTTP/2 (293)'),
    http('stays HTTP/1.1 when an upgrade is asked for (293)'),
  ],
  294: [http('names no software, is not compressed and is not kept (294, 297)')],
  295: [canary('in no answer'), input('is answered, never with our fault')],
  296: [http('the process is there and well'), canary('is the process that it was')],
  297: [http('names no software, is not compressed and is not kept (294, 297)')],
  // M
  299: [input('/queues'), because('there is no bull-board: the queue has no page and no route')],
  300: [input('/.git/config'), in_('test/process/ops-port', 'metrics'), canary('in no metric')],
  301: [operator('the operator’s token (301, 302)')],
  302: [operator('is not taken from ?%s'), tokens('refuses two Authorization headers')],
  303: [
    in_('test/journey/budgets', 'is told before it is spent'),
    because('there is no password: a guess would have to be a signature'),
  ],
  305: [audit('says who changed what, when, from what to what')],
  306: [operator('without the exchange’s own keys is none')],
  307: [operator('has no password, shared secret or debug mode that could be left at its default')],
  308: [
    again('added again for what was delivered deliver nothing'),
    again('any one bit of the envelope: rejected'),
  ],
  // N
  309: [canary('is one JSON object')],
  311: [canary('in no line of the log'), canary('in no job')],
  312: [canary('in no line of the log')],
  313: [
    canary('names no password when it cannot start'),
    in_('test/integration/migrate', 'with no credential'),
  ],
  314: [
    canary('in no answer'),
    keys('with a private member is refused, and the private member goes nowhere'),
  ],
  315: [canary('takes whatever it is given')],
  317: [
    because(
      'EXCHANGE_JWKS may be a path, so that neither environment nor arguments hold a key; docs/operations.md',
    ),
  ],
  318: [canary('has no more series')],
  319: [audit('a trail that somebody wrote over in the database (ATTACKS 319)')],
  320: [
    policy('keys whose private half is printed in public'),
    in_('src/crypto/jose-vectors', 'the keys of the all-zero seed are refused at registration'),
  ],
};
