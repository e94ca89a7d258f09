//! A model's answers as a small table.

use antiphon::{Generation, LlmResult};
use serde_json::{Map, Value};

/// One completion and its place.
struct Row<'a> {
    place: String,
    answer: &'a str,
    finish_reason: &'a str,
}

/// The table as plain text and as HTML.
pub(crate) fn bundle(result: &LlmResult) -> Map<String, Value> {
    let rows = rows(result);
    let footer = footer(result);
    let plain = Value::String(plain(&rows, &footer));
    let html = Value::String(html(&rows, &footer));
    Map::from_iter([("text/html".to_owned(), html), ("text/plain".to_owned(), plain)])
}

fn rows(result: &LlmResult) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (prompt, completions) in result.generations.iter().enumerate() {
        for (index, generation) in completions.iter().enumerate() {
            // As in `generations[0][1]`; the only one needs no place.
            let place = match (result.generations.len(), completions.len()) {
                (1, 1) => String::new(),
                (_, 1) => format!("[{prompt}]"),
                _ => format!("[{prompt}][{index}]"),
            };
            rows.push(Row { place, answer: generation.text.trim(), finish_reason: finish_reason(generation) });
        }
    }
    rows
}

fn finish_reason(generation: &Generation) -> &str {
    generation.generation_info.get("finish_reason").and_then(Value::as_str).unwrap_or_default()
}

/// Model and tokens, as far as they are known.
fn footer(result: &LlmResult) -> String {
    let output = &result.llm_output;
    let usage = output.token_usage;
    let mut parts = Vec::new();
    if !output.model_name.is_empty() {
        parts.push(output.model_name.clone());
    }
    if usage.total_tokens > 0 {
        parts.push(format!("{} input tokens", usage.input_tokens));
        parts.push(format!("{} output tokens", usage.output_tokens));
    }
    parts.join(", ")
}

fn plain(rows: &[Row<'_>], footer: &str) -> String {
    let width = |cells: &dyn Fn(&Row<'_>) -> usize, head: usize| rows.iter().map(cells).max().unwrap_or(0).max(head);
    let places = width(&|row| row.place.chars().count(), 0);
    let reasons = width(&|row| row.finish_reason.chars().count(), "finish".len());
    // The answer stands last, so that a long one needs no space.
    let line = |place: &str, reason: &str, answer: &str| {
        let gap = if places > 0 { "  " } else { "" };
        format!("{place:places$}{gap}{reason:reasons$}  {answer}").trim_end().to_owned() + "\n"
    };
    let mut text = line("", "finish", "answer");
    for row in rows {
        let mut answer = row.answer.lines();
        text.push_str(&line(&row.place, row.finish_reason, answer.next().unwrap_or_default()));
        for rest in answer {
            text.push_str(&line("", "", rest));
        }
    }
    text.push_str(footer);
    text.trim_end().to_owned()
}

fn html(rows: &[Row<'_>], footer: &str) -> String {
    let has_places = rows.iter().any(|row| !row.place.is_empty());
    let mut html = String::from("<table><thead><tr>");
    if has_places {
        html.push_str("<th></th>");
    }
    html.push_str(
        "<th style=\"text-align: left\">answer</th><th style=\"text-align: left\">finish</th></tr></thead><tbody>",
    );
    for row in rows {
        html.push_str("<tr>");
        if has_places {
            html.push_str(&format!("<td>{}</td>", escape(&row.place)));
        }
        html.push_str(&format!(
            "<td style=\"text-align: left; white-space: pre-wrap\">{}</td><td style=\"text-align: left\">{}</td></tr>",
            escape(row.answer),
            escape(row.finish_reason)
        ));
    }
    html.push_str("</tbody></table>");
    if !footer.is_empty() {
        html.push_str(&format!("<p><small>{}</small></p>", escape(footer)));
    }
    html
}

/// A text as HTML shows it. Dollars too: notebook pages take them for mathematics.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '$' => escaped.push_str("&#36;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use antiphon::LlmOutput;

    use super::*;

    fn generation(text: &str, finish_reason: Option<&str>) -> Generation {
        let mut generation = Generation::new(text);
        if let Some(reason) = finish_reason {
            generation.generation_info.insert("finish_reason".to_owned(), reason.into());
        }
        generation
    }

    #[track_caller]
    fn check(generations: Vec<Vec<Generation>>, plain: &str, html: &[&str]) {
        let bundle = bundle(&LlmResult::new(generations, LlmOutput::default()));
        assert_eq!(bundle["text/plain"].as_str(), Some(plain));
        for part in html {
            assert!(bundle["text/html"].as_str().is_some_and(|html| html.contains(part)), "{part}: {bundle:?}");
        }
    }

    #[test]
    fn answers_are_rows() {
        check(vec![vec![generation("\n\nFine.", Some("stop"))]], "finish  answer\nstop    Fine.", &[">Fine.</td>"]);
        check(
            vec![vec![generation("a\nb", Some("length")), generation("c", None)], vec![generation("d", Some("stop"))]],
            "        finish  answer\n[0][0]  length  a\n                b\n[0][1]          c\n[1]     stop    d",
            &["<td>[0][1]</td>", "a\nb"],
        );
        check(Vec::new(), "finish  answer", &["<tbody></tbody>"]);
        let hostile = generation("<script>alert('$x & \"y\"')</script>", Some("<i>"));
        let escaped = "&lt;script&gt;alert(&#39;&#36;x &amp; &quot;y&quot;&#39;)&lt;/script&gt;";
        check(
            vec![vec![hostile]],
            "finish  answer\n<i>     <script>alert('$x & \"y\"')</script>",
            &[escaped, "&lt;i&gt;"],
        );
    }
}
