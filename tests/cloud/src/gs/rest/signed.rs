//! Signed URLs (Cloud Storage, "V4 signing process"): gets and puts of one object that carry their own right.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use s3s::crypto::{Checksum as _, Sha256};

use super::download;
use super::upload::{put, whole};
use crate::gs::bucket::{Conditions, check_draft, check_name};
use crate::gs::object::Draft;
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;
use crate::gs::sums::Summing;
use crate::gs::time;

/// Bytes that a signed put may bring.
const LARGEST: usize = 64 << 20;
/// The longest time for which a URL can be signed.
const LONGEST: i64 = 604_800;

pub(super) fn is_signed(parts: &Parts) -> bool {
    parts.uri.query().is_some_and(|query| query.contains("X-Goog-Signature="))
}

pub(super) async fn answer(server: &Arc<Server>, parts: Parts, body: Body) -> Result<Response, Refusal> {
    verify(server, &parts)?;
    let wrong = || Refusal::invalid("The address names no object.");
    let (bucket, name) = parts.uri.path().trim_start_matches('/').split_once('/').ok_or_else(wrong)?;
    let name = percent_decode_str(name).decode_utf8().map_err(|_| wrong())?;
    check_name(&name)?;
    match parts.method {
        Method::GET => {
            let object = download::find(server, bucket, &name, 0, &Conditions::default())?;
            download::send(server, &object, &parts.headers)
        }
        Method::PUT => {
            let body = whole(body, LARGEST).await?;
            let mut draft = Draft::default();
            let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok());
            draft.fields.content_type = kind.map(str::to_owned);
            check_draft(&draft)?;
            let (mut writer, mut sums) = (server.spool.writer(), Summing::new());
            writer.write(&body)?;
            sums.update(&body);
            let (content, sums) = (writer.finish(), sums.finish());
            put(server, bucket, &name, &Conditions::default(), draft, content, sums)?;
            Ok(Response::new(Body::empty()))
        }
        _ => Err(Refusal::Unimplemented("The double takes signed GET and PUT.".into())),
    }
}

fn verify(server: &Server, parts: &Parts) -> Result<(), Refusal> {
    let no = Refusal::Signature;
    let query = parts.uri.query().unwrap_or("");
    let pairs: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let word = |name: &str| {
        let value = pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        value.and_then(|value| percent_decode_str(value).decode_utf8().ok()).unwrap_or_default()
    };
    let known = server.settings().signer.ok_or(no("no signer is known here"))?;
    if word("X-Goog-Algorithm") != "GOOG4-RSA-SHA256" {
        return Err(no("the algorithm is not GOOG4-RSA-SHA256"));
    }
    let credential = word("X-Goog-Credential");
    let (email, scope) = credential.split_once('/').ok_or(no("the credential has no scope"))?;
    let (date, expires) = (word("X-Goog-Date"), word("X-Goog-Expires"));
    let signed = word("X-Goog-SignedHeaders");
    if email != known.email || !scope.ends_with("/storage/goog4_request") || !date.starts_with(&scope[..8]) {
        return Err(no("the credential is not one that is known"));
    }
    let begun = basic(&date).ok_or(no("the date is none"))?;
    let lasts: i64 = expires.parse().map_err(|_| no("the expiry is no number"))?;
    if !(1..=LONGEST).contains(&lasts) || server.now() > begun + lasts * 1_000_000 {
        return Err(no("the URL has expired"));
    }
    let mut canonical: Vec<_> = pairs.iter().filter(|(name, _)| *name != "X-Goog-Signature").collect();
    canonical.sort();
    let canonical: Vec<_> = canonical.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut text = format!("{}\n{}\n{}\n", parts.method, parts.uri.path(), canonical.join("&"));
    for name in signed.split(';') {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        let value = value.ok_or(no("a header that was signed is missing"))?;
        // The official crate signs the host without its port.
        let value = if name == "host" { value.split(':').next().unwrap_or(value) } else { value };
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    let _ = write!(text, "\n{signed}\nUNSIGNED-PAYLOAD");
    let to_sign = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::checksum(text.as_bytes())));
    let signature = unhex(&word("X-Goog-Signature")).ok_or(no("the signature is no hexadecimal text"))?;
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let rsa = algorithms
        .all
        .iter()
        .filter(|one| one.signature_alg_id() == rustls::pki_types::alg_id::RSA_PKCS1_SHA256);
    let held =
        rsa.into_iter().any(|one| one.verify_signature(&known.key, to_sign.as_bytes(), &signature).is_ok());
    if held { Ok(()) } else { Err(no("the signature does not match")) }
}

/// Reads `20261121T125505Z`, as microseconds since 1970.
fn basic(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(8)?;
    let clock = rest.strip_prefix('T')?.strip_suffix('Z')?;
    if clock.len() != 6 || !date.bytes().chain(clock.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let spaced = |text: &str, at: [usize; 2], by: &str| {
        format!("{}{by}{}{by}{}", &text[..at[0]], &text[at[0]..at[1]], &text[at[1]..])
    };
    time::parse_rfc3339(&format!("{}T{}Z", spaced(date, [4, 6], "-"), spaced(clock, [2, 4], ":")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
