"""A mail server: aiosmtpd, which says of every letter what arrived, as a line of JSON.

    server.py plain|tls|starttls [CERTIFICATE KEY [USER PASSWORD]]

The first line it prints is its port.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Box:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.iter_parts()}
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "text": parts.get("text/plain"),
            "html": parts.get("text/html"),
            "order": [part.get_content_type() for part in message.iter_parts()],
            "defects": [repr(defect) for part in message.walk() for defect in part.defects],
            "lines": max(len(line) for line in envelope.content.split(b"\r\n")),
            "tls": session.ssl is not None,
            "user": session.auth_data,
        }), flush=True)
        return "250 Taken"


def main():
    mode, rest = sys.argv[1], sys.argv[2:]
    context = None
    if rest:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(rest[0], rest[1])
    options = {"enable_SMTPUTF8": True, "hostname": "localhost"}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if len(rest) > 2:
        user, password = rest[2].encode(), rest[3].encode()

        def check(server, session, envelope, mechanism, data):
            known = isinstance(data, LoginPassword) and (data.login, data.password) == (user, password)
            return AuthResult(success=known, handled=False, auth_data=user.decode())

        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": mode == "starttls"}

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(Box(), loop=loop, **options), "127.0.0.1", 0,
            ssl=context if mode == "tls" else None)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


main()
