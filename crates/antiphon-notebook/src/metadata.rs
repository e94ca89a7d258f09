//! What a run says about itself in the notebook's metadata. No dates and no times: two runs give the same file.

use serde_json::{Map, Value, json};

const SIMULATED_NOTE: &str = "answers of language models in this notebook are simulated";

pub(crate) fn update(metadata: &mut Map<String, Value>, rustc_version: Option<&str>, simulated: bool) {
    metadata.insert("language_info".to_owned(), language_info(rustc_version));
    let kernelspec = object(metadata, "kernelspec");
    // One without a name is of no use to anyone.
    if !kernelspec.contains_key("name") {
        kernelspec.insert("name".to_owned(), "antiphon".into());
        kernelspec.insert("display_name".to_owned(), "Rust (antiphon)".into());
    }
    // Quarto finds the language here.
    kernelspec.entry("language").or_insert_with(|| "rust".into());
    mark_simulated(metadata, simulated);
}

/// The object under a key; anything else there is replaced.
fn object<'a>(metadata: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = metadata.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object")
}

/// The values that Jupyter's tools look for: nbconvert highlights by `pygments_lexer`, names scripts by
/// `file_extension`.
fn language_info(rustc_version: Option<&str>) -> Value {
    let mut info = json!({
        "name": "rust",
        "mimetype": "text/rust",
        "file_extension": ".rs",
        "pygments_lexer": "rust",
        "codemirror_mode": "rust",
    });
    if let Some(version) = rustc_version {
        info["version"] = version.into();
    }
    info
}

fn mark_simulated(metadata: &mut Map<String, Value>, simulated: bool) {
    if simulated {
        let ours = object(metadata, "antiphon");
        ours.insert("simulated".to_owned(), true.into());
        ours.insert("note".to_owned(), SIMULATED_NOTE.into());
    } else if let Some(Value::Object(ours)) = metadata.get_mut("antiphon") {
        ours.remove("simulated");
        ours.remove("note");
        if ours.is_empty() {
            metadata.remove("antiphon");
        }
    }
}
