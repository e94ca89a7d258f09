//! Reads the fields of a request body one by one, and says what is wrong with the first bad one.
//!
//! Fields that nobody asks for are ignored, and `null` counts as absent, as the providers do.

use std::{fmt, ops::RangeInclusive};

use serde_json::{Map, Value};

use crate::refusal::{Fault, Refusal};

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldFault {
    /// The field's path in the provider's notation, such as `messages[0].role`.
    pub(crate) name: String,
    pub(crate) problem: Problem,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    Missing,
    WrongType { expected: Expected, got: &'static str },
    TooSmall { minimum: Number, got: Number },
    TooLarge { maximum: Number, got: Number },
    EmptyArray,
    ArrayTooLong { maximum: usize, got: usize },
    UnknownValue { got: String, known: &'static [&'static str] },
}

/// The type that a field should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    String,
    Integer,
    Decimal,
    Boolean,
    Object,
    StringOrArray,
    Array,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Decimal(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(formatter),
            Self::Decimal(number) => number.fmt(formatter),
        }
    }
}

/// An object of a request body, with the words of the provider it was sent to.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// What stands before a field's name in an error.
    prefix: String,
    refuse: fn(&Fault) -> Refusal,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a Map<String, Value>, refuse: fn(&Fault) -> Refusal) -> Self {
        Self { object, prefix: String::new(), refuse }
    }

    /// Reads `value` as an object whose fields are reported with `prefix` and a dot before their
    /// names.
    pub(crate) fn nested(&self, value: &'a Value, prefix: String) -> Result<Self, Refusal> {
        match value {
            Value::Object(object) => Ok(Self { object, prefix: format!("{prefix}."), refuse: self.refuse }),
            other => Err((self.refuse)(&Fault::Field(FieldFault {
                name: prefix,
                problem: Problem::WrongType { expected: Expected::Object, got: type_name(other) },
            }))),
        }
    }

    /// The first field that is none of `known`.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&'a str> {
        self.object.keys().map(String::as_str).find(|name| !known.contains(name))
    }

    /// The error for the field `name`.
    pub(crate) fn fault(&self, name: &str, problem: Problem) -> Refusal {
        (self.refuse)(&Fault::Field(FieldFault { name: format!("{}{name}", self.prefix), problem }))
    }

    pub(crate) fn wrong_type(&self, name: &str, expected: Expected, got: &Value) -> Refusal {
        self.fault(name, Problem::WrongType { expected, got: type_name(got) })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name).ok_or_else(|| self.fault(name, Problem::Missing))
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong_type(name, Expected::String, value));
        self.get(name).map(text).transpose()
    }

    pub(crate) fn required_string(&self, name: &str) -> Result<&'a str, Refusal> {
        self.string(name)?.ok_or_else(|| self.fault(name, Problem::Missing))
    }

    /// A string out of a closed list.
    pub(crate) fn one_of(&self, name: &str, known: &'static [&'static str]) -> Result<&'a str, Refusal> {
        let got = self.required_string(name)?;
        if known.contains(&got) {
            return Ok(got);
        }
        Err(self.fault(name, Problem::UnknownValue { got: got.to_owned(), known }))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<bool, Refusal> {
        let flag = |value: &Value| value.as_bool().ok_or_else(|| self.wrong_type(name, Expected::Boolean, value));
        Ok(self.get(name).map(flag).transpose()?.unwrap_or(false))
    }

    pub(crate) fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        // Beyond 64 bits it is out of every range, and which number it was does not matter any
        // more.
        let huge = value.as_u64().map(|_| i64::MAX);
        let got = value.as_i64().or(huge).ok_or_else(|| self.wrong_type(name, Expected::Integer, value))?;
        self.check_range(name, Number::Integer(got), Number::Integer(*range.start()), Number::Integer(*range.end()))?;
        Ok(Some(got))
    }

    pub(crate) fn decimal(&self, name: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let got = value.as_f64().ok_or_else(|| self.wrong_type(name, Expected::Decimal, value))?;
        self.check_range(name, Number::Decimal(got), Number::Decimal(*range.start()), Number::Decimal(*range.end()))?;
        Ok(Some(got))
    }

    fn check_range(&self, name: &str, got: Number, minimum: Number, maximum: Number) -> Result<(), Refusal> {
        let less = |left: Number, right: Number| match (left, right) {
            (Number::Integer(left), Number::Integer(right)) => left < right,
            (Number::Decimal(left), Number::Decimal(right)) => left < right,
            _ => false,
        };
        if less(got, minimum) {
            return Err(self.fault(name, Problem::TooSmall { minimum, got }));
        }
        if less(maximum, got) {
            return Err(self.fault(name, Problem::TooLarge { maximum, got }));
        }
        Ok(())
    }

    /// A non-empty array.
    pub(crate) fn required_array(&self, name: &str) -> Result<&'a [Value], Refusal> {
        match self.required(name)? {
            Value::Array(items) if items.is_empty() => Err(self.fault(name, Problem::EmptyArray)),
            Value::Array(items) => Ok(items),
            other => Err(self.wrong_type(name, Expected::Array, other)),
        }
    }

    /// A string, or an array of at most `maximum` strings; empty if absent.
    pub(crate) fn strings(&self, name: &str, maximum: usize) -> Result<Vec<String>, Refusal> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) if items.len() > maximum => {
                Err(self.fault(name, Problem::ArrayTooLong { maximum, got: items.len() }))
            }
            Some(Value::Array(items)) => {
                let text = |item: &Value| match item {
                    Value::String(text) => Ok(text.clone()),
                    other => Err(self.wrong_type(name, Expected::StringOrArray, other)),
                };
                items.iter().map(text).collect()
            }
            Some(other) => Err(self.wrong_type(name, Expected::StringOrArray, other)),
        }
    }
}

/// What kind of value this is, with its article.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
