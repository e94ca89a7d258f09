//! Where a class sends its requests and with which rights: setters first, then the environment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::options::check_positive;
use super::payload::Extra;
use super::{AD_TOKEN, Provider};
use crate::callbacks::Callbacks;
use crate::connections;
use crate::env_vars::{self, Env, EnvVars};
use crate::error::Error;
use crate::limits::SetLimits;
use crate::retry::RetryPolicy;
use crate::secret::Secret;
use crate::transport::{Endpoint, TimeLimits, UrlText};

const MAX_RETRIES: u32 = 2;

/// <https://docs.anthropic.com/en/api/versioning>
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// What is in the names of headers whose last word is a key, such as `authorization` and `x-api-key`.
const KEY_WORDS: [&str; 4] = ["auth", "cookie", "key", "token"];

/// The part of a class's settings that every provider has.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) provider: Provider,
    pub(crate) api_key: Option<Secret>,
    /// A token of Microsoft Entra ID, in place of a key.
    pub(crate) ad_token: Option<Secret>,
    pub(crate) base_url: Option<UrlText>,
    pub(crate) organization: Option<String>,
    pub(crate) project: Option<String>,
    /// Which of AWS's regions is asked.
    pub(crate) region: Option<String>,
    pub(crate) max_retries: u32,
    /// The limit on a whole attempt; the classes' `timeout`.
    pub(crate) timeout: Option<Duration>,
    pub(crate) first_byte_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) restart_streams: bool,
    pub(crate) http2_prior_knowledge: bool,
    pub(crate) set_limits: SetLimits,
    /// Further headers, whose values may be secret.
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) extra: Extra,
    pub(crate) callbacks: Vec<Arc<dyn Callbacks>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("provider", &self.provider)
            .field("api_key", &self.api_key)
            .field("ad_token", &self.ad_token)
            .field("base_url", &self.base_url)
            .field("organization", &self.organization)
            .field("project", &self.project)
            .field("region", &self.region)
            .field("max_retries", &self.max_retries)
            .field("timeout", &self.timeout)
            .field("first_byte_timeout", &self.first_byte_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("restart_streams", &self.restart_streams)
            .field("http2_prior_knowledge", &self.http2_prior_knowledge)
            .field("set_limits", &self.set_limits)
            .field("headers", &self.headers)
            .field("extra", &self.extra)
            .field("callbacks", &self.callbacks.len())
            .finish()
    }
}

impl Connection {
    pub(crate) fn new(provider: Provider) -> Self {
        Self {
            provider,
            api_key: None,
            ad_token: None,
            base_url: None,
            organization: None,
            project: None,
            region: None,
            max_retries: MAX_RETRIES,
            timeout: None,
            first_byte_timeout: None,
            idle_timeout: None,
            restart_streams: false,
            http2_prior_knowledge: false,
            set_limits: SetLimits::default(),
            headers: Vec::new(),
            extra: Extra::default(),
            callbacks: Vec::new(),
        }
    }

    /// Looks everything up and checks it.
    pub(crate) fn endpoint(&self, env: Env<'_>) -> Result<Endpoint, Error> {
        let limits = self.limits()?;
        check_positive("requests_per_minute", self.set_limits.requests_per_minute)?;
        check_positive("tokens_per_minute", self.set_limits.tokens_per_minute)?;
        self.extra.check()?;
        let longest_retry_after = match self.provider {
            Provider::Anthropic => Duration::from_mins(1),
            _ => Duration::from_mins(2),
        };
        let base_url = self.base_url(env)?;
        let mut endpoint = Endpoint {
            provider: self.provider,
            secrets: Vec::new(),
            base_url,
            http2_prior_knowledge: self.http2_prior_knowledge,
            headers: HeaderMap::new(),
            keys: Vec::new(),
            limits,
            set_limits: self.set_limits,
            retry: RetryPolicy { max_retries: self.max_retries, longest_retry_after, random: rand::random },
        };
        // PromptLayer's goes into the body.
        if self.provider != Provider::PromptLayer {
            self.add_key(&mut endpoint, env)?;
        }
        match self.provider {
            Provider::OpenAi => self.add_openai_headers(&mut endpoint, env)?,
            Provider::Anthropic => _ = endpoint.headers.insert("anthropic-version", ANTHROPIC_VERSION),
            _ => {}
        }
        for (name, value) in &self.headers {
            let parsed = HeaderName::try_from(name.as_str());
            let parsed = parsed.map_err(|_| Error::invalid_setting("header", "has a name that cannot be sent"))?;
            if KEY_WORDS.iter().any(|word| parsed.as_str().contains(word)) {
                let key = value.expose().rsplit(' ').next().unwrap_or_default();
                endpoint.keys.push(Secret::new(key));
            }
            endpoint.headers.insert(parsed, header_value("header", value.expose())?);
            endpoint.secrets.push(value.clone());
        }
        Ok(endpoint)
    }

    /// Opens connections before they are needed.
    pub(crate) fn warm_up(&self, connections: usize) -> BoxFuture<'static, Result<(), Error>> {
        let endpoint = self.endpoint(&env_vars::process);
        Box::pin(async move { endpoint?.warm_up(connections).await })
    }

    fn limits(&self) -> Result<TimeLimits, Error> {
        let settings = [
            ("timeout", self.timeout),
            ("first_byte_timeout", self.first_byte_timeout),
            ("idle_timeout", self.idle_timeout),
            ("connect_timeout", Some(connections::options().connect_timeout)),
        ];
        if let Some((setting, _)) = settings.iter().find(|(_, limit)| limit.is_some_and(|it| it.is_zero())) {
            return Err(Error::invalid_setting(*setting, "must be longer than zero"));
        }
        let default = TimeLimits::default();
        Ok(TimeLimits {
            first_byte: self.first_byte_timeout,
            idle: self.idle_timeout.unwrap_or(default.idle),
            total: self.timeout.unwrap_or(default.total),
            total_of_stream: self.timeout.unwrap_or(default.total_of_stream),
        })
    }

    fn base_url(&self, env: Env<'_>) -> Result<Url, Error> {
        if let Some(url) = &self.base_url {
            url.parse("base_url")
        } else if let Some((name, url)) = env_vars::first(env, self.provider.url_variables()) {
            let url = if self.provider == Provider::Ollama { ollama_url(&url) } else { url };
            UrlText::new(url).parse(name)
        } else if let Some(url) = self.provider.default_base_url() {
            UrlText::new(url).parse("base_url")
        } else if self.provider == Provider::Bedrock {
            self.regional_url(env)
        } else {
            let variables = self.provider.url_variables().join(" or ");
            Err(Error::invalid_setting("base_url", format!("must be set, or the variable {variables}")))
        }
    }

    fn regional_url(&self, env: Env<'_>) -> Result<Url, Error> {
        let names = [EnvVars::AWS_REGION, EnvVars::AWS_DEFAULT_REGION];
        let set = self.region.clone().map(|region| ("region", region));
        let Some((setting, region)) = set.or_else(|| env_vars::first(env, &names)) else {
            return Err(Error::invalid_setting(
                "region",
                format!("must be set, or the variable {}", names.join(" or ")),
            ));
        };
        let region = region.trim();
        if region.is_empty() || !region.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-') {
            return Err(Error::invalid_setting(setting, "is not a region of AWS, such as us-east-1"));
        }
        UrlText::new(format!("https://bedrock-runtime.{region}.amazonaws.com")).parse(setting)
    }

    /// The key and how the user calls it; setters count before variables. `None` is an error at the provider's own host only: a
    /// local server needs no key.
    pub(crate) fn key(
        &self,
        base_url: &Url,
        env: Env<'_>,
        names: &[&'static str],
    ) -> Result<Option<(&'static str, Secret)>, Error> {
        let set = [(AD_TOKEN, &self.ad_token), ("api_key", &self.api_key)];
        let mut set = set.into_iter().filter_map(|(setting, key)| Some((setting, key.clone()?)));
        let key = set
            .find(|(_, key)| !key.expose().is_empty())
            .or_else(|| env_vars::first(env, names).map(|(name, key)| (name, Secret::new(key))));
        if key.is_none() && self.provider.owns(base_url) {
            return Err(Error::missing_key(self.provider));
        }
        Ok(key)
    }

    /// Adds the key where the provider looks for it.
    fn add_key(&self, endpoint: &mut Endpoint, env: Env<'_>) -> Result<(), Error> {
        if let Some((setting, key)) = self.key(&endpoint.base_url, env, &self.provider.key_variables())? {
            if let Some(header) = self.provider.key_header(setting) {
                endpoint.headers.insert(header, header_value(setting, key.expose())?);
            } else {
                let bearer = header_value(setting, &format!("Bearer {}", key.expose()))?;
                endpoint.headers.insert(AUTHORIZATION, bearer);
            }
            endpoint.keys.push(key);
        }
        Ok(())
    }

    fn add_openai_headers(&self, endpoint: &mut Endpoint, env: Env<'_>) -> Result<(), Error> {
        let organization = self
            .organization
            .clone()
            .map(|value| ("organization", value))
            .or_else(|| env_vars::first(env, &[EnvVars::OPENAI_ORG_ID, EnvVars::OPENAI_ORGANIZATION]));
        let project = self
            .project
            .clone()
            .map(|value| ("project", value))
            .or_else(|| env_vars::first(env, &[EnvVars::OPENAI_PROJECT_ID]));
        for (header, setting) in [("openai-organization", organization), ("openai-project", project)] {
            if let Some((name, value)) = setting {
                let value = header_value(name, &value)?;
                endpoint.headers.insert(HeaderName::from_static(header), value);
            }
        }
        Ok(())
    }
}

/// `OLLAMA_HOST` may lack scheme and port, and may be the address that the server listens on.
fn ollama_url(host: &str) -> String {
    let host = host.trim();
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.trim_end_matches('/').parse::<u16>().is_ok());
    let port = if has_port || host.contains("://") { "" } else { ":11434" };
    format!("{scheme}://{rest}{port}").replacen("://0.0.0.0", "://127.0.0.1", 1)
}

/// A header's value that logs of the HTTP client leave out.
fn header_value(setting: &str, text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| unsendable(setting))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A key with characters that cannot be part of one.
pub(crate) fn unsendable(setting: &str) -> Error {
    let problem = "holds a line break or another character that cannot be sent; \
                   was it copied with more than the key?";
    Error::invalid_setting(setting, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn env(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|it| it.0 == name).map(|it| it.1.to_owned())
    }

    fn header(endpoint: &Endpoint, name: &str) -> Option<String> {
        Some(endpoint.headers.get(name)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn openai_reads_its_variables() {
        let variables = env(&[
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_API_BASE", "http://old/v1"),
            ("OPENAI_BASE_URL", " "),
            ("OPENAI_ORGANIZATION", "o"),
            ("OPENAI_PROJECT_ID", "p"),
        ]);
        let mut connection = Connection::new(Provider::OpenAi);
        let endpoint = connection.endpoint(&variables).unwrap();
        assert_eq!(endpoint.base_url.as_str(), "http://old/v1");
        assert_eq!(header(&endpoint, "authorization").unwrap(), "Bearer k");
        assert_eq!(header(&endpoint, "openai-organization").unwrap(), "o");
        assert_eq!(header(&endpoint, "openai-project").unwrap(), "p");

        connection.api_key = Some(Secret::new("set"));
        connection.base_url = Some(UrlText::new("http://set"));
        connection.organization = Some("q".to_owned());
        let endpoint = connection.endpoint(&variables).unwrap();
        assert_eq!(endpoint.base_url.as_str(), "http://set/");
        assert_eq!(header(&endpoint, "authorization").unwrap(), "Bearer set");
        assert_eq!(header(&endpoint, "openai-organization").unwrap(), "q");
    }

    #[test]
    fn anthropic_reads_its_variables() {
        let connection = Connection::new(Provider::Anthropic);
        let variables = env(&[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_AUTH_TOKEN", "t")]);
        let endpoint = connection.endpoint(&variables).unwrap();
        assert_eq!(endpoint.base_url.as_str(), "https://api.anthropic.com/");
        assert_eq!(header(&endpoint, "x-api-key").unwrap(), "k");
        assert_eq!(header(&endpoint, "anthropic-version").unwrap(), "2023-06-01");
        assert_eq!(header(&endpoint, "authorization"), None);

        let variables = env(&[("ANTHROPIC_AUTH_TOKEN", "t"), ("ANTHROPIC_BASE_URL", "http://h")]);
        let endpoint = connection.endpoint(&variables).unwrap();
        assert_eq!(header(&endpoint, "authorization").unwrap(), "Bearer t");
        assert_eq!(header(&endpoint, "x-api-key"), None);
    }

    #[test]
    fn a_missing_key_matters_at_the_provider_only() {
        for (provider, variable) in [(Provider::OpenAi, "OPENAI_API_KEY"), (Provider::Anthropic, "ANTHROPIC_API_KEY")] {
            let mut connection = Connection::new(provider);
            let error = connection.endpoint(&env(&[])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MissingKey);
            assert_eq!(
                error.to_string(),
                format!(
                    "no API key for {}: set {variable} or `api_key`, or `base_url` for a server that needs none",
                    provider.as_str()
                )
            );
            connection.base_url = Some(UrlText::new("http://127.0.0.1:1"));
            let endpoint = connection.endpoint(&env(&[])).unwrap();
            assert!(!endpoint.headers.contains_key("authorization"));
            assert!(!endpoint.headers.contains_key("x-api-key"));
        }
    }

    #[test]
    fn limits_are_shared_by_the_calls_of_a_key() {
        let lane = |key: &str, (header, value): (&str, &str)| {
            let mut connection = Connection::new(Provider::OpenAi);
            connection.api_key = Some(Secret::new(key));
            connection.headers = vec![(header.to_owned(), Secret::new(value))];
            connection.endpoint(&env(&[])).unwrap().attempts("limits_are_shared_by_the_calls_of_a_key").lane()
        };
        let first = lane("k", ("x-trace", "1"));
        assert!(Arc::ptr_eq(&first, &lane("k", ("x-trace", "2"))));
        assert!(!Arc::ptr_eq(&first, &lane("l", ("x-trace", "1"))));
        assert!(!Arc::ptr_eq(&first, &lane("k", ("Authorization", "Bearer l"))));
    }

    #[test]
    fn ollama_host_has_many_forms() {
        for (host, expected) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("my-box", "http://my-box:11434"),
            ("https://ollama.com", "https://ollama.com"),
            ("[::1]:5", "http://[::1]:5"),
        ] {
            assert_eq!(ollama_url(host), expected);
        }
    }

    #[test]
    fn names_the_setting_that_is_wrong() {
        let connection = Connection::new(Provider::OpenAi);
        let check = |variables: &'static [(&str, &str)], expected: &str| {
            let error = connection.endpoint(&env(variables)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(!error.to_string().contains("sk-"), "{error}");
        };
        check(&[("OPENAI_API_KEY", "sk-1\n")], "`OPENAI_API_KEY` holds a line break");
        check(&[("OPENAI_BASE_URL", "host:1")], "`OPENAI_BASE_URL` has no scheme");
    }
}
