//! From a file's bytes to a [`Notebook`], or one clear error.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::notebook::Notebook;

/// Reads a notebook.
///
/// # Errors
/// A file that cannot be read, or that is no Rust notebook of nbformat 4.0 to 4.5.
pub fn read(path: &Path) -> Result<Notebook, Error> {
    match std::fs::read(path) {
        Ok(bytes) => parse(path, &bytes),
        Err(_) if path.is_dir() => Err(ErrorKind::IsDirectory { path: path.to_owned() }.into()),
        Err(source) => Err(ErrorKind::Read { path: path.to_owned(), source }.into()),
    }
}

/// Reads a notebook from a file's bytes; `path` stands in errors.
///
/// Cells of a 4.5 notebook that lack their id get one that is the same each time, `cell-3` for the third cell.
///
/// # Errors
/// Bytes that are no Rust notebook of nbformat 4.0 to 4.5.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Notebook, Error> {
    let invalid = |problem: String| Error::from(ErrorKind::Invalid { path: path.to_owned(), problem });
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ErrorKind::NotUtf8 { path: path.to_owned(), offset: error.valid_up_to() })?;
    // Editors on Windows write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(invalid("the file is empty".to_owned()));
    }
    let mut json: Value = serde_json::from_str(text)
        .map_err(|source| Error::from(ErrorKind::NotJson { path: path.to_owned(), source }))?;
    let minor = match version(&json).map_err(invalid)? {
        (4, minor @ 0..=5) => minor,
        (major, minor) => {
            let version = format!("{major}.{minor}");
            return Err(ErrorKind::UnsupportedVersion { path: path.to_owned(), version }.into());
        }
    };
    check(&json).map_err(invalid)?;
    if let Some(language) = other_language(&json) {
        return Err(ErrorKind::OtherLanguage { path: path.to_owned(), language }.into());
    }
    if minor == 5 {
        add_missing_ids(&mut json);
    }
    Ok(Notebook::new(path, json))
}

fn version(json: &Value) -> Result<(i64, i64), String> {
    let number = |key| match json.get(key) {
        Some(value) => value.as_i64().ok_or(format!("`{key}` is not a whole number")),
        None => Err(format!("`{key}` is missing")),
    };
    if !json.is_object() {
        return Err("the JSON is not an object".to_owned());
    }
    let major = number("nbformat")?;
    // Version 3 may lack the minor version; it is refused with or without it.
    Ok((major, if major == 4 { number("nbformat_minor")? } else { number("nbformat_minor").unwrap_or(0) }))
}

/// What the format demands and the rest of this crate relies on.
fn check(json: &Value) -> Result<(), String> {
    expect(json, "metadata", "an object", Value::is_object)?;
    expect(json, "cells", "a list", Value::is_array)?;
    let cells = json["cells"].as_array().into_iter().flatten();
    cells.enumerate().try_for_each(|(index, cell)| check_cell(cell).map_err(|e| format!("cell {}: {e}", index + 1)))
}

fn check_cell(cell: &Value) -> Result<(), String> {
    if !cell.is_object() {
        return Err("it is not an object".to_owned());
    }
    let is_kind = |kind: &Value| ["code", "markdown", "raw"].iter().any(|known| kind == known);
    let is_text = |source: &Value| match source {
        Value::Array(lines) => lines.iter().all(Value::is_string),
        other => other.is_string(),
    };
    expect(cell, "cell_type", "`code`, `markdown` or `raw`", is_kind)?;
    expect(cell, "metadata", "an object", Value::is_object)?;
    expect(cell, "source", "a string or a list of strings", is_text)?;
    if cell["cell_type"] == "code" {
        expect(cell, "outputs", "a list", Value::is_array)?;
    }
    Ok(())
}

fn expect(object: &Value, key: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<(), String> {
    match object.get(key) {
        None => Err(format!("`{key}` is missing")),
        Some(value) if is_so(value) => Ok(()),
        Some(_) => Err(format!("`{key}` is not {what}")),
    }
}

/// The language of the metadata when it is not Rust. evcxr's kernel writes `Rust` and `rust`.
fn other_language(json: &Value) -> Option<String> {
    let language = json.pointer("/metadata/kernelspec/language").and_then(Value::as_str);
    let language = language.or_else(|| json.pointer("/metadata/language_info/name").and_then(Value::as_str))?;
    (!language.is_empty() && !language.eq_ignore_ascii_case("rust")).then(|| language.to_owned())
}

fn add_missing_ids(json: &mut Value) {
    let Some(cells) = json.get_mut("cells").and_then(Value::as_array_mut) else {
        return;
    };
    let has_id = |id: &&str| !id.is_empty();
    let mut taken: HashSet<String> =
        cells.iter().filter_map(|cell| cell["id"].as_str().filter(has_id).map(str::to_owned)).collect();
    for (index, cell) in cells.iter_mut().enumerate().filter_map(|(index, cell)| Some((index, cell.as_object_mut()?))) {
        if cell.get("id").and_then(Value::as_str).is_none_or(str::is_empty) {
            insert_id(cell, index + 1, &mut taken);
        }
    }
}

fn insert_id(cell: &mut Map<String, Value>, number: usize, taken: &mut HashSet<String>) {
    let mut id = format!("cell-{number}");
    let mut copy = 2;
    while !taken.insert(id.clone()) {
        id = format!("cell-{number}-{copy}");
        copy += 1;
    }
    cell.insert("id".to_owned(), id.into());
}
