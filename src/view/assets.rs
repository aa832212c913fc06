//! Static files: embedded, named with a digest so that browsers may keep them for ever.

use std::borrow::Cow;
use std::io::Cursor;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use rocket::Request;
use rocket::http::ContentType;
use rocket::response::{Responder, Response, Result};
use serde::Serialize;

use crate::templates;

/// Where the pages find their files.
#[derive(Clone, Serialize)]
pub struct Assets {
    css: String,
    js: String,
    icon: String,
    docs_js: String,
    swagger_css: String,
    swagger_js: String,
}

impl Assets {
    /// The files' addresses below a mount base.
    pub fn below(base: &str) -> Self {
        let ours = |name: &str| {
            let text = templates::static_file(name).unwrap_or_default();
            let version = &HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())[..12];
            format!("{base}/static/{name}?v={version}")
        };
        // These change with the program alone.
        let swagger = |name: &str| format!("{base}/docs/{name}?v={}", env!("CARGO_PKG_VERSION"));
        Self {
            css: ours("vestibule.css"),
            js: ours("vestibule.js"),
            icon: ours("icon.svg"),
            docs_js: ours("docs.js"),
            swagger_css: swagger("swagger-ui.css"),
            swagger_js: swagger("swagger-ui-bundle.js"),
        }
    }
}

/// A static file as a response.
pub struct Static {
    kind: ContentType,
    bytes: Cow<'static, [u8]>,
    gzip: bool,
}

impl Static {
    /// One of our own files.
    pub fn ours(name: &str) -> Option<Self> {
        let bytes = match templates::static_file(name)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        let (_, extension) = name.rsplit_once('.')?;
        Some(Self {
            kind: ContentType::from_extension(extension)?,
            bytes,
            gzip: false,
        })
    }
}

/// One of the two files of the API page that are not ours.
pub fn swagger_file(name: &str) -> Option<Static> {
    let kind = match name {
        "swagger-ui.css" => ContentType::CSS,
        "swagger-ui-bundle.js" => ContentType::JavaScript,
        _ => return None,
    };
    let file = utoipa_swagger_ui::serve(name, Arc::default()).ok()??;
    Some(Static {
        kind,
        bytes: file.bytes.into_owned().into(),
        gzip: file.gzpipped,
    })
}

impl<'r> Responder<'r, 'static> for Static {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        let mut response = Response::build();
        // All of them are text, and Rocket says in which charset of CSS alone (ASVS v5.0.0-4.1.1).
        let kind = format!("{}/{}; charset=utf-8", self.kind.top(), self.kind.sub());
        response.raw_header("Content-Type", kind);
        // The digest in the address changes with the content. While developing, the disk is asked each time.
        let cache = if cfg!(debug_assertions) {
            "no-cache"
        } else {
            "public, max-age=31536000, immutable"
        };
        response.raw_header("Cache-Control", cache);
        if self.gzip {
            response.raw_header("Content-Encoding", "gzip");
        }
        Ok(response
            .sized_body(self.bytes.len(), Cursor::new(self.bytes))
            .finalize())
    }
}
