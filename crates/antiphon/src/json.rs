//! JSON that is only looked at: an answer borrowed, not copied.
//!
//! [`Value`] allocates and hashes each name. A usual answer has thirty, of which a reader looks at ten, once; that was a
//! fifth of a call's CPU time.

use std::borrow::Cow;
use std::fmt;
use std::ops::Index;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// What [`Value`] holds, with its texts still in the answer where they have no escapes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Self>),
    /// In the answer's order.
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// The one name in what `serde_json` makes of a number where a program has turned on its `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

impl<'a> Json<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// A field. Of two with the same name the last counts, as in [`Value`].
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().rev().find(|(it, _)| it == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(is_true) => Some(*is_true),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

/// Null where there is nothing, as in [`Value`].
impl Index<&str> for Json<'_> {
    type Output = Self;

    fn index(&self, name: &str) -> &Self {
        self.get(name).unwrap_or(&Json::Null)
    }
}

impl From<&Json<'_>> for Value {
    fn from(json: &Json<'_>) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(is_true) => Self::Bool(*is_true),
            Json::Number(number) => Self::Number(number.clone()),
            Json::String(text) => Self::String(text.to_string()),
            Json::Array(items) => items.iter().map(Self::from).collect(),
            Json::Object(fields) => fields.iter().map(|(name, value)| (name.to_string(), Self::from(value))).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(is_true))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::new();
        while let Some((Name(name), value)) = fields.next_entry()? {
            object.push((name, value));
        }
        if let [(name, Json::String(digits))] = object.as_slice()
            && name == NUMBER
            && let Ok(number) = digits.parse()
        {
            return Ok(Json::Number(number));
        }
        Ok(Json::Object(object))
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Json<'_> {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn it_holds_what_a_value_holds() {
        let text =
            r#" {"a": [null, true, -1, 18446744073709551615, 0.5, "x", "\u00e4\n"], "b\"": {}, "a": {"c": []}} "#;
        assert_eq!(Value::from(&parse(text)), serde_json::from_str::<Value>(text).unwrap());
        for text in ["", "{", "[1,]", "1 2", "{\"a\" 1}", "\"\\ud800\""] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_asked_as_a_value_is() {
        let json = parse(r#"{"a": {"b": 7}, "c": [true, "x"]}"#);
        assert_eq!(json["a"]["b"].as_u64(), Some(7));
        assert_eq!(json["a"]["x"]["y"], Json::Null);
        assert_eq!(json["c"].as_array().unwrap()[0].as_bool(), Some(true));
        assert_eq!(json["c"].as_array().unwrap()[1].as_str(), Some("x"));
        assert!(json["a"].is_object() && json.get("d").is_none());
    }

    #[test]
    fn it_borrows_and_knows_numbers_of_any_precision() {
        assert!(matches!(parse("\"x\""), Json::String(Cow::Borrowed("x"))));
        let number = format!("{{\"{NUMBER}\": \"12\"}}");
        assert_eq!(Value::from(&parse(&number)), json!(12));
    }
}
