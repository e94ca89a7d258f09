//! A step of the tests that this machine cannot run.

use std::fmt;

/// Why a step was not run; no failure, but said at the end.
#[derive(Debug)]
pub(crate) struct Skipped(String);

impl Skipped {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped: {}", self.0)
    }
}

impl std::error::Error for Skipped {}
