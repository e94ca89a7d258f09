//! What a run says about itself in the notebook's metadata. No dates and no times: two runs give the same file.

use serde_json::{Map, Value, json};

use crate::options::RunOptions;

const SIMULATED_NOTE: &str = "answers of language models in this notebook are simulated";

pub(crate) fn update(metadata: &mut Map<String, Value>, options: &RunOptions) {
    metadata.insert(
        "language_info".to_owned(),
        language_info(options.rustc_version.as_deref()),
    );
    let kernelspec = metadata.entry("kernelspec").or_insert_with(|| json!({}));
    if let Some(kernelspec) = kernelspec.as_object_mut() {
        // A kernelspec without a name is of no use to anyone.
        if !kernelspec.contains_key("name") {
            kernelspec.insert("name".to_owned(), "antiphon".into());
            kernelspec.insert("display_name".to_owned(), "Rust (antiphon)".into());
        }
        // Quarto finds the language here.
        kernelspec
            .entry("language")
            .or_insert_with(|| "rust".into());
    }
    mark_simulated(metadata, options.simulated);
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
    let ours = metadata.entry("antiphon").or_insert_with(|| json!({}));
    if let Some(ours) = ours.as_object_mut() {
        if simulated {
            ours.insert("simulated".to_owned(), true.into());
            ours.insert("note".to_owned(), SIMULATED_NOTE.into());
        } else {
            ours.remove("simulated");
            ours.remove("note");
        }
        if ours.is_empty() {
            metadata.remove("antiphon");
        }
    }
}
