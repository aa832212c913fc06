//! Bytes on the wire: what the parts of a request are before anyone has read them.

use proptest::prelude::*;
use proptest::sample::select;

use crate::hold;
use crate::house::{House, http::raw};

const PIECES: &[&[u8]] = &[
    b"vestibule=",
    b"vestibule-refresh=",
    b"vestibule_rt_",
    b"a",
    b".",
    b"1",
    b";",
    b"; ",
    b"=",
    b",",
    b"\"",
    b"%00",
    b"%ff",
    b"\xff",
    b"\xc3",
    b"\xc3\xa9",
    b"\t",
    b"\x00",
    b"\x7f",
    b"\r\n ",
    b"e30",
    b"__Host-",
    b"$Version",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![5 => select(PIECES).prop_map(<[u8]>::to_vec), 1 => any::<u8>().prop_map(|byte| vec![byte])];
    // A line break ends a header: only the folded one, long forbidden, is worth sending.
    let plain = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    prop::collection::vec(piece, 0..8).prop_map(move |pieces| {
        let keep = |piece: Vec<u8>| {
            if piece == b"\r\n " {
                piece
            } else {
                piece.into_iter().filter(plain).collect()
            }
        };
        pieces.into_iter().flat_map(keep).collect()
    })
}

#[test]
fn no_header_breaks_anything() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let names = select(
        &[
            "Cookie",
            "Authorization",
            "Accept",
            "Origin",
            "User-Agent",
            "X-Forwarded-For",
            "Content-Type",
            "If-None-Match",
        ][..],
    );
    let paths = select(
        &[
            "/",
            "/login",
            "/account",
            "/secure-data",
            "/auth/me",
            "/docs",
            "/.well-known/jwks.json",
            "/nothing",
        ][..],
    );
    let cases = (
        paths,
        prop::collection::vec((names, bytes()), 0..4),
        any::<bool>(),
    );
    hold(400, &cases, |(path, headers, signed_in)| {
        let mut request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
        if signed_in {
            request.extend(format!("Cookie: {cookie}\r\n").bytes());
        }
        for (name, value) in headers {
            request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        let answer = raw(&house.origin, &request);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status.as_bytes(), [b'2'..=b'4', _, _]), "{answer}");
        // What is no HTTP never reaches us.
        let unread = status == "400" && answer.to_ascii_lowercase().contains("content-length: 0");
        assert!(
            unread
                || answer
                    .to_ascii_lowercase()
                    .contains("content-security-policy: "),
            "{answer}"
        );
    });
    assert_eq!(
        house.events("template_failed"),
        Vec::<serde_json::Value>::new()
    );
}
