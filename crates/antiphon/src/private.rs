//! Texts that do not end up in logs by accident.

use std::fmt;
use std::ops::Deref;

/// What a user says to a model: its `Debug` says how long it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Private(String);

/// The `Debug` of a text that is not shown.
pub(crate) struct Length<'a>(pub(crate) &'a str);

impl<T: Into<String>> From<T> for Private {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl From<&Private> for String {
    fn from(text: &Private) -> Self {
        text.0.clone()
    }
}

impl Deref for Private {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Length(&self.0).fmt(f)
    }
}

impl fmt::Debug for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
