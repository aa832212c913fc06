"""Verifies an access token as a service elsewhere would, with PyJWT and what the server publishes.

verify.py JWKS_URL ISSUER AUDIENCE ALGORITHM <TOKEN: prints the claims, or why there are none and exits with 1.
"""

import json
import sys

import jwt

jwks_url, issuer, audience, algorithm = sys.argv[1:]
token = sys.stdin.read()
try:
    key = jwt.PyJWKClient(jwks_url, timeout=10).get_signing_key_from_jwt(token)
    verified = jwt.decode_complete(
        token,
        key,
        algorithms=[algorithm],
        issuer=issuer,
        audience=audience,
        options={"require": ["iss", "aud", "exp", "iat", "nbf", "sub", "jti"]},
    )
except jwt.PyJWTError as error:
    sys.exit(f"{type(error).__name__}: {error}")
# The library looks at every claim but not at the type (RFC 9068 section 4).
if verified["header"].get("typ") != "at+jwt":
    sys.exit(f"InvalidType: {verified['header'].get('typ')}")
print(json.dumps(verified["payload"]))
