//! Base URLs: checked, joined with a path, and printed without what may be secret in them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Url, form_urlencoded};

use crate::error::Error;
use crate::secret::Secret;

/// A base URL as the user wrote it. `Debug` shows scheme, host and path of it.
#[derive(Clone)]
pub(crate) struct UrlText {
    text: String,
    /// The URL, if it is one that can be used: a class's is asked for in every call.
    url: Option<Url>,
}

impl UrlText {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.map(|mut url| {
            url.set_fragment(None);
            url
        });
        Self { text, url }
    }

    /// The URL with what may be secret in it.
    pub(crate) fn expose(&self) -> &str {
        self.text.trim()
    }

    /// Checks the URL; `setting` names it in an error.
    pub(crate) fn parse(&self, setting: &str) -> Result<Url, Error> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let text = self.text.trim();
        let problem = match Url::parse(text) {
            // `localhost:8000` parses as a URL of scheme `localhost`.
            _ if !text.contains("://") => {
                format!("has no scheme: write http:// or https:// before {}", shown(text))
            }
            Ok(url) => format!("has scheme {}, not http or https", url.scheme()),
            Err(error) => format!("is not a URL ({error})"),
        };
        Err(Error::invalid_setting(setting, problem))
    }
}

impl fmt::Debug for UrlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", shown(&self.text))
    }
}

/// The text without user information and query.
fn shown(text: &str) -> String {
    let text = text.trim();
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

/// `base` with `path` after its own path; the query of `base` stays (Azure's `api-version`), and that of `path` follows.
pub(super) fn join(base: &Url, path: &str) -> Url {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let base_path = base.path().trim_end_matches('/');
    // The bases of Anthropic and Gemini have no version; people add it, and then theirs counts.
    let is_version = |it: &str| it.starts_with('v') && it[1..].starts_with(|it: char| it.is_ascii_digit());
    let path = match path.get(1..).and_then(|path| path.split_once('/')) {
        Some((version, _)) if is_version(version) && base_path.rsplit('/').next().is_some_and(is_version) => {
            &path[1 + version.len()..]
        }
        _ => path,
    };
    let mut url = base.clone();
    url.set_path(&format!("{base_path}{path}"));
    if let Some(query) = query {
        let all = url.query().map_or_else(|| query.to_owned(), |own| format!("{own}&{query}"));
        url.set_query(Some(&all));
    }
    url
}

/// A name as one segment of a path, for example a model's that has a slash or a colon in it.
pub(crate) fn segment(name: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(encoded).collect()
}

/// What may be secret in a base URL: the user, the password and the values of its query, as they are written and as a
/// server may read them.
pub(super) fn secrets_in(url: &Url) -> Vec<Secret> {
    // Which version is refused is something to tell.
    let is_secret = |name: &str| name != "api-version";
    let query = url.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let values = query.filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
    let written = [url.username(), url.password().unwrap_or_default()].into_iter().chain(values);
    let read = url.query_pairs().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.into_owned());
    let texts = written.flat_map(|text| [text.to_owned(), decoded(text)]).chain(read);
    texts.filter(|text| !text.is_empty()).map(Secret::new).collect()
}

/// Without percent-encoding. A plus is one.
fn decoded(text: &str) -> String {
    let pair = format!("={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value).collect()
}

/// Host and port, for errors.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether the server is on this machine, where a proxy has no business.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
        || host.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Url, String> {
        UrlText::new(text).parse("base_url").map_err(|error| error.to_string())
    }

    #[test]
    fn joins_paths_and_keeps_the_query() {
        let check = |base: &str, path, expected: &str| {
            assert_eq!(join(&parse(base).unwrap(), path).as_str(), expected);
        };
        check("https://a.b/v1", "/completions", "https://a.b/v1/completions");
        check("https://a.b/v1/", "/completions", "https://a.b/v1/completions");
        check("https://a.b", "/v1/messages", "https://a.b/v1/messages");
        check("https://a.b/v1", "/v1/messages", "https://a.b/v1/messages");
        check("https://a.b/v1", "/v1beta/models/m:f", "https://a.b/v1/models/m:f");
        check("https://a.b/v1beta/", "/v1beta/models/m:f", "https://a.b/v1beta/models/m:f");
        check("https://a.b/vllm", "/v1beta/models/m:f", "https://a.b/vllm/v1beta/models/m:f");
        check("https://a.b/x?api-version=1#f", "/c", "https://a.b/x/c?api-version=1");
        check("https://a.b/x", "/c?alt=sse", "https://a.b/x/c?alt=sse");
        check("https://a.b/x?k=1", "/c?alt=sse", "https://a.b/x/c?k=1&alt=sse");
        let path = format!("/model/{}/converse", segment("arn:aws:x/us.m-1:0 \u{e4}?"));
        check("https://a.b", &path, "https://a.b/model/arn%3Aaws%3Ax%2Fus.m-1%3A0%20%C3%A4%3F/converse");
    }

    #[test]
    fn refuses_what_is_not_http() {
        let check = |text: &str, expected: &str| {
            assert_eq!(parse(text).unwrap_err(), format!("`base_url` {expected}"));
        };
        check("localhost:8000/v1", "has no scheme: write http:// or https:// before localhost:8000/v1");
        check("me:pw@host", "has no scheme: write http:// or https:// before host");
        check("ftp://host", "has scheme ftp, not http or https");
        check("http://", "is not a URL (empty host)");
    }

    #[test]
    fn prints_no_user_and_no_query() {
        let url = UrlText::new("https://me:pw@host:1/v1?key=secret#x");
        assert_eq!(format!("{url:?}"), "\"https://host:1/v1\"");
        assert_eq!(host(&url.parse("").unwrap()), "host:1");
    }

    #[test]
    fn knows_what_is_secret() {
        let check = |text: &str, expected: &[&str]| {
            let found = secrets_in(&parse(text).unwrap());
            let mut found: Vec<_> = found.iter().map(Secret::expose).collect();
            found.dedup();
            assert_eq!(found, expected);
        };
        check("http://h/v1", &[]);
        check("http://me:p%40s+s&@h", &["me", "p%40s+s&", "p@s+s&"]);
        check("http://h?key=a%2Fb+c&flag&api-version=2024-10-21", &["a%2Fb+c", "a/b+c", "a/b c"]);
    }

    #[test]
    fn knows_this_machine() {
        for (base, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://sim.localhost", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_loopback(&parse(base).unwrap()), expected, "{base}");
        }
    }
}
