//! The line that an error prints: provider, what happened, where, what to do.

use std::fmt;

use super::{Error, ErrorKind, Kind, WRONG_CHECKSUM};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        if let Some(provider) = inner.provider
            && !matches!(inner.kind, Kind::MissingKey { .. })
        {
            write!(f, "{}: ", provider.as_str())?;
        }
        inner.kind.fmt(f)?;

        let mut facts = Vec::new();
        if let Some(model) = &inner.model {
            facts.push(format!("model {model}"));
        }
        if let Some(request_id) = self.request_id() {
            facts.push(format!("request {request_id}"));
        }
        match inner.retries {
            0 => {}
            1 => facts.push("1 retry".to_owned()),
            more => facts.push(format!("{more} retries")),
        }
        if !facts.is_empty() {
            write!(f, " [{}]", facts.join(", "))?;
        }
        if let Some(advice) = self.advice() {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl Error {
    fn is_damaged(&self) -> bool {
        matches!(&self.inner.kind, Kind::UnexpectedBody { problem, .. } if problem == WRONG_CHECKSUM)
    }

    /// What the reader can do, if that is not plain from the rest of the line.
    fn advice(&self) -> Option<String> {
        if matches!(self.inner.kind, Kind::Own { .. }) {
            return None;
        }
        let wait = self.retry_after();
        match self.kind() {
            ErrorKind::Authentication => {
                let provider = self.inner.provider?;
                Some(format!("check the key in {} or `{}`", provider.key_variable(), provider.setter("api_key")))
            }
            ErrorKind::NotFound => Some("check the model's name and the base URL".to_owned()),
            ErrorKind::ContentFilter => Some("change the prompt, or the filter where the provider lets you".to_owned()),
            ErrorKind::QuotaExceeded => Some("check the account's plan and credit".to_owned()),
            ErrorKind::RateLimited | ErrorKind::Server if wait.is_some() => {
                wait.map(|wait| format!("the provider asks to wait {wait:?}"))
            }
            ErrorKind::RateLimited => Some("send less at a time, or later".to_owned()),
            ErrorKind::Connection if self.is_connect() => {
                Some("check that the server runs and that the base URL is right".to_owned())
            }
            ErrorKind::Timeout => match self.inner.kind {
                Kind::Timeout { phase, .. } => {
                    phase.setting().map(|setting| format!("a longer limit can be set with `{setting}`"))
                }
                _ => None,
            },
            ErrorKind::UnexpectedResponse if self.is_damaged() => {
                Some("it was damaged on its way: try again".to_owned())
            }
            ErrorKind::UnexpectedResponse => Some("check that the base URL is that of an API".to_owned()),
            ErrorKind::Runtime => Some("the operating system gave no thread for connections".to_owned()),
            _ => None,
        }
    }
}
