// Verifies an access token as a service elsewhere would, with jose (at JOSE_JS) and what the server publishes.
//
// verify.mjs JWKS_URL ISSUER AUDIENCE ALGORITHM <TOKEN: prints the claims, or why there are none and exits with 1.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { createRemoteJWKSet, jwtVerify, errors } = await import(pathToFileURL(process.env.JOSE_JS).href);

const [jwksUrl, issuer, audience, algorithm] = process.argv.slice(2);
const token = readFileSync(0, "utf8");
const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 10_000 });
try {
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience,
    algorithms: [algorithm],
    typ: "at+jwt",
    requiredClaims: ["iss", "aud", "exp", "iat", "nbf", "sub", "jti"],
  });
  console.log(JSON.stringify(payload));
} catch (error) {
  if (!(error instanceof errors.JOSEError)) throw error;
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
