//! Completion and inspection.

use std::time::Duration;

use antiphon_engine::{Completions, Evaluator};
use jupyter_protocol::{CompleteReply, InspectReply, JupyterMessageContent};
use serde_json::{Map, Value, json};

use crate::outputs::media;
use crate::positions::{to_bytes, to_code_points};
use crate::request::AtCursor;

/// What JupyterLab and others read kinds and signatures of completions from:
/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#completion>, as IPython writes it.
const TYPES: &str = "_jupyter_types_experimental";

/// `complete_reply`; empty when the evaluator does not answer in time.
pub(crate) async fn complete(
    evaluator: Option<&dyn Evaluator>,
    at_cursor: &AtCursor,
    limit: Duration,
) -> JupyterMessageContent {
    let AtCursor { code, cursor_pos } = at_cursor;
    let position = to_bytes(code, *cursor_pos);
    let found = match evaluator {
        Some(evaluator) => tokio::time::timeout(limit, evaluator.complete(code, position)).await.unwrap_or_default(),
        None => Completions::default(),
    };
    if found.items.is_empty() {
        return CompleteReply { cursor_start: *cursor_pos, cursor_end: *cursor_pos, ..Default::default() }.into();
    }
    let (start, end) = (to_code_points(code, found.start), to_code_points(code, found.end));
    let types = found.items.iter().map(
        |item| json!({ "start": start, "end": end, "text": item.code, "type": item.kind, "signature": item.label }),
    );
    CompleteReply {
        cursor_start: start,
        cursor_end: end,
        metadata: Map::from_iter([(TYPES.to_owned(), Value::Array(types.collect()))]),
        matches: found.items.into_iter().map(|item| item.code).collect(),
        ..Default::default()
    }
    .into()
}

/// `inspect_reply`; nothing when the evaluator does not answer in time.
pub(crate) async fn inspect(
    evaluator: Option<&dyn Evaluator>,
    at_cursor: &AtCursor,
    limit: Duration,
) -> JupyterMessageContent {
    let AtCursor { code, cursor_pos } = at_cursor;
    let position = to_bytes(code, *cursor_pos);
    let found = match evaluator {
        Some(evaluator) => tokio::time::timeout(limit, evaluator.inspect(code, position)).await.ok().flatten(),
        None => None,
    };
    let Some((text, html)) = found else {
        return InspectReply::default().into();
    };
    let mut data = Map::from_iter([("text/plain".to_owned(), Value::String(text))]);
    // Front ends outside the browser, and terminals, show Markdown and no HTML.
    if let Ok(markdown) = htmd::convert(&html) {
        data.insert("text/markdown".to_owned(), Value::String(markdown));
    }
    data.insert("text/html".to_owned(), Value::String(html));
    InspectReply { found: true, data: media(data), ..Default::default() }.into()
}

#[cfg(test)]
mod tests {
    /// As rust-analyzer describes a method, in the HTML that evcxr makes of it.
    #[test]
    fn descriptions_are_markdown_again() {
        let html = "<pre><code class=\"language-rust\">core::option::Option\n</code></pre>\n<pre><code \
            class=\"language-rust\">pub const fn is_some(&amp;self) -&gt; bool\n</code></pre>\n<hr />\n<p>Returns \
            <code>true</code> if it is a <a href=\"https://doc.rust-lang.org/x.html\"><code>Some</code></a>.</p>\n\
            <h1>Examples</h1>\n<ul>\n<li>one</li>\n</ul>\n";
        let markdown = htmd::convert(html).unwrap();
        for part in [
            "```rust\npub const fn is_some(&self) -> bool\n```",
            "Returns `true` if it is a [`Some`](https://doc.rust-lang.org/x.html).",
            "# Examples",
        ] {
            assert!(markdown.contains(part), "no {part:?} in\n{markdown}");
        }
    }
}
