/**
 * Thumbprints of keys whose private half is printed in an RFC or on jwt.io: they get into
 * configurations by copying examples, and everybody can sign with them.
 */
export const PUBLISHED_KEYS: ReadonlySet<string> = new Set([
  // RFC 7515 A.2
  'IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8',
  // RFC 7515 A.3
  'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U',
  // RFC 7516 A.1
  'xtIsOV1FqKH77AI_A3jdTg5QfdabzqI-LNpYTPi0IgI',
  // RFC 7516 A.2
  '_K0fXS8wlsT7Tn3vvZrs9qdKUIqi5AxQ5EVk41xi_BM',
  // RFC 7517 A.2, EC
  'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s',
  // RFC 7517 A.2, RSA (RFC 7638 3.1 prints the thumbprint)
  'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  // RFC 7518 C, Alice
  '_GK0r6GCoJt9zcssg9lay4obIxgCq05ntiRymRHADSU',
  // RFC 7518 C, Bob
  'Vy57XrArUrW0NbpI12tEzDHABxMwrTh6HHXRenSpnCo',
  // RFC 7520 3.4
  '9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI',
  // RFC 7520 5.1
  'h_jutvC-jg3Nwueq8LmdSybXykVsBwk4_5u5Y9JiS7E',
  // RFC 7520 5.2
  'Rt-IyDEhXohvTl_ozKQ9YGflXGuDb3uu3QmqN2LoMwM',
  // RFC 7520 5.5, recipient
  'HsSFalww3yP-dO-lWGYgFcyV5H22oScIFc4V2Y6GOto',
  // RFC 7520 5.5, sender
  'mTVa39KNK8LI9ZgAkyqQOQayaqVO7DXurapqkzEbfMg',
  // RFC 8037 A.1
  'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  // RFC 7748 6.1, Bob (RFC 8037 A.6)
  'giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8',
  // RFC 7748 6.1, Alice
  'u809Vppx5ixWMOohxWr2aM3m5bD0LQ67g_GPmubQus4',
  // RFC 9964, ML-DSA-44 from the all-zero seed
  'T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o',
  // RFC 9964, ML-DSA-65 from the all-zero seed
  'Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM',
  // RFC 9964, ML-DSA-87 from the all-zero seed
  'tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU',
  // jwt.io, RS256 and PS256
  'oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY',
  // jwt.io, ES256
  '19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8',
]);
