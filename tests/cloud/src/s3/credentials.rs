//! What can be said about a request's credentials before its signature is checked, in the order in which S3 says it.

use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use s3s::HttpResponse;

use super::answer::error;
use super::clock;
use super::server::Server;

/// Minutes that clocks may differ, in seconds.
const SKEW: i64 = 15 * 60;

/// The refusal, if there is one.
pub(super) fn refusal(server: &Server, request: &Parts) -> Option<HttpResponse> {
    let settings = server.settings();
    let Some(credential) = credential(request) else {
        return Some(error(403, "AccessDenied", "Access Denied", &[]));
    };
    // access key / date / region / service / aws4_request; an access key has no slash.
    let mut scope = credential.split('/');
    let (key, _date, region) = (scope.next()?, scope.next()?, scope.next()?);
    if key != server.options.access_key {
        let what = "The AWS Access Key Id you provided does not exist in our records.";
        return Some(error(403, "InvalidAccessKeyId", what, &[("AWSAccessKeyId", key)]));
    }
    let token = header(request, "x-amz-security-token").map(str::to_owned);
    let token = token.or_else(|| query(request, "X-Amz-Security-Token"));
    if settings.token_expired && token.is_some() {
        return Some(error(400, "ExpiredToken", "The provided token has expired.", &[]));
    }
    if token != settings.session_token {
        return Some(match token {
            Some(_) => {
                error(400, "InvalidToken", "The provided token is malformed or otherwise invalid.", &[])
            }
            // Temporary keys are not known without their token.
            None => {
                let what = "The AWS Access Key Id you provided does not exist in our records.";
                error(403, "InvalidAccessKeyId", what, &[("AWSAccessKeyId", key)])
            }
        });
    }
    if region != server.options.region {
        let expecting = &server.options.region;
        let what = format!(
            "The authorization header is malformed; the region '{region}' is wrong; expecting '{expecting}'"
        );
        let mut answer = error(400, "AuthorizationHeaderMalformed", &what, &[("Region", expecting)]);
        if let Ok(value) = expecting.parse() {
            answer.headers_mut().insert("x-amz-bucket-region", value);
        }
        return Some(answer);
    }
    let sent = header(request, "x-amz-date").map(str::to_owned).or_else(|| query(request, "X-Amz-Date"));
    let now = clock::now(settings.clock_offset);
    let time = sent.as_deref().and_then(clock::parse_basic);
    let presigned = query(request, "X-Amz-Expires").and_then(|text| text.parse::<i64>().ok());
    match (time, presigned) {
        (None, _) => Some(error(
            403,
            "AccessDenied",
            "AWS authentication requires a valid Date or x-amz-date header",
            &[],
        )),
        (Some(time), Some(lasts)) if now > time + lasts => {
            Some(error(403, "AccessDenied", "Request has expired", &[]))
        }
        (Some(time), Some(_)) if time - now <= SKEW => None,
        (Some(time), None) if (now - time).abs() <= SKEW => None,
        (Some(_), _) => {
            let server_time = httpdate::fmt_http_date(clock::system(now));
            let what = "The difference between the request time and the current time is too large.";
            let more = [
                ("RequestTime", sent.as_deref().unwrap_or("")),
                ("ServerTime", &server_time),
                ("MaxAllowedSkewMilliseconds", "900000"),
            ];
            Some(error(403, "RequestTimeTooSkewed", what, &more))
        }
    }
}

fn credential(request: &Parts) -> Option<String> {
    if let Some(value) = header(request, "authorization") {
        let fields = value.strip_prefix("AWS4-HMAC-SHA256")?;
        return fields
            .split(',')
            .find_map(|field| field.trim().strip_prefix("Credential="))
            .map(str::to_owned);
    }
    query(request, "X-Amz-Credential")
}

fn header<'a>(request: &'a Parts, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

fn query(request: &Parts, name: &str) -> Option<String> {
    let pairs = request.uri.query()?.split('&');
    let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(one, _)| *one == name)?.1;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}
