//! The last step to a request's body: what asks for a stream, then the fields that the user has added.

use std::fmt;

use serde_json::Value;

use super::Provider;
use super::connection::Connection;
use super::wire::{Body, Payload, Wire};
use crate::error::Error;

/// Fields that the user adds to each body. `Debug` shows their names only, as values may hold prompts.
#[derive(Clone, Default)]
pub(crate) struct Extra(Body);

impl Extra {
    pub(super) fn set(&mut self, field: String, value: Value) {
        self.0.insert(field, value);
    }

    /// A call knows itself whether it is a stream.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.0.contains_key("stream") {
            return Err(Error::invalid_setting("extra", "must not have `stream`; `astream` asks for one"));
        }
        Ok(())
    }

    /// Replaces fields of the same name, and puts objects of the same name together.
    pub(super) fn add_to(&self, body: &mut Body) {
        for (field, value) in &self.0 {
            match (body.get_mut(field), value) {
                (Some(Value::Object(fields)), Value::Object(more)) => fields.extend(more.clone()),
                _ => _ = body.insert(field.clone(), value.clone()),
            }
        }
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Connection {
    /// `body` as it is posted. Every request of every class to its model comes through here.
    pub(super) fn payload(&self, wire: &dyn Wire, mut body: Body, is_stream: bool) -> Payload {
        if is_stream {
            wire.ask_for_stream(&mut body);
        }
        if self.provider != Provider::Bedrock {
            self.extra.add_to(&mut body);
        } else if !self.extra.0.is_empty() {
            // Its own fields are the same for all models; those of a model are in one of them.
            body.insert("additionalModelRequestFields".to_owned(), self.extra.0.clone().into());
        }
        body.into()
    }
}
