//! Results that another trait shows, e.g. `evcxr_image`'s `ImageDisplay`.
//!
//! The cell library's own trait has `evcxr_display` for everything that is `Debug`. A type that has it by another trait,
//! too, has it twice, which does not compile; evcxr would fall back to the value's text. So ours gives way: the
//! cell is compiled once more without it.

use std::fs;

use serde_json::Value;

/// evcxr's crate, below its folder.
const GENERATED: &str = "src/lib.rs";
/// The traits of ours that have the method. The second is imported only while evcxr's own form of results is asked for, by
/// making the call ambiguous.
const IMPORTS: [&str; 2] = ["use tokio::EvcxrDisplay;", "use tokio::PlainResults;"];

/// Takes our traits out of the generated crate if a trait of somebody else's is beside them; says whether it did.
pub(super) fn give_way(messages: &[u8]) -> bool {
    if memchr::memmem::find(messages, b"E0034").is_none() {
        return false;
    }
    let Ok(source) = fs::read_to_string(GENERATED) else { return false };
    let ours = IMPORTS.iter().filter(|import| source.contains(*import)).count();
    if ours == 0 || !messages.split(|&byte| byte == b'\n').any(|line| candidates(line) > ours) {
        return false;
    }
    // At the same length, so that errors keep their places.
    let blanked = IMPORTS.iter().fold(source, |source, import| source.replace(import, &" ".repeat(import.len())));
    fs::write(GENERATED, blanked).is_ok()
}

/// How many traits an error in cargo's JSON names, if it is about an `evcxr_display` that is ambiguous.
fn candidates(line: &[u8]) -> usize {
    let line: Value = serde_json::from_slice(line).unwrap_or_default();
    let error = &line["message"];
    if error["code"]["code"] != "E0034" || error["spans"][0]["label"] != "multiple `evcxr_display` found" {
        return 0;
    }
    let notes = error["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    notes.iter().filter(|note| note["message"].as_str().is_some_and(|text| text.starts_with("candidate #"))).count()
}
