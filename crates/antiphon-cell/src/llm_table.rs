//! A model's answers as a small table.

use antiphon::{Generation, LlmResult, Prompt};
use serde_json::{Map, Value};

/// Characters of a prompt.
const MAX_PROMPT: usize = 60;

/// One completion and its place.
struct Row<'a> {
    place: String,
    /// At the first completion of each prompt.
    prompt: &'a str,
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
            let asked = result.llm_output.prompts.get(prompt).filter(|_| index == 0);
            rows.push(Row {
                place,
                prompt: asked.map_or("", text_of),
                answer: generation.text.trim(),
                finish_reason: finish_reason(generation),
            });
        }
    }
    rows
}

/// What was asked; of a conversation, what was said last.
fn text_of(prompt: &Prompt) -> &str {
    match prompt {
        Prompt::Text(text) => text.trim(),
        Prompt::Conversation(messages) => messages.last().map_or("", |message| message.content.trim()),
        _ => "",
    }
}

/// A prompt as it fits beside an answer.
fn shortened(prompt: &str) -> String {
    let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_PROMPT {
        return line;
    }
    let start: String = line.chars().take(MAX_PROMPT - 1).collect();
    start.trim_end().to_owned() + "…"
}

fn finish_reason(generation: &Generation) -> &str {
    generation.generation_info.get("finish_reason").and_then(Value::as_str).unwrap_or_default()
}

/// Model, tokens and latency, as far as they are known.
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
    if !output.duration.is_zero() {
        parts.push(format!("{:.2} s", output.duration.as_secs_f64()));
    }
    parts.join(", ")
}

fn plain(rows: &[Row<'_>], footer: &str) -> String {
    let width = |cells: &dyn Fn(&Row<'_>) -> usize, head: usize| rows.iter().map(cells).max().unwrap_or(0).max(head);
    let places = width(&|row| row.place.chars().count(), 0);
    let prompts = width(&|row| shortened(row.prompt).chars().count(), 0);
    // Without prompts there is no column for them.
    let prompts = if prompts == 0 { 0 } else { prompts.max("prompt".len()) };
    let reasons = width(&|row| row.finish_reason.chars().count(), "finish".len());
    // The answer stands last, so that a long one needs no space.
    let line = |place: &str, prompt: &str, reason: &str, answer: &str| {
        let gap = |width: usize| if width > 0 { "  " } else { "" };
        let (after_place, after_prompt) = (gap(places), gap(prompts));
        let line = format!("{place:places$}{after_place}{prompt:prompts$}{after_prompt}{reason:reasons$}  {answer}");
        line.trim_end().to_owned() + "\n"
    };
    let mut text = line("", if prompts > 0 { "prompt" } else { "" }, "finish", "answer");
    for row in rows {
        let mut answer = row.answer.lines();
        let first = answer.next().unwrap_or_default();
        text.push_str(&line(&row.place, &shortened(row.prompt), row.finish_reason, first));
        for rest in answer {
            text.push_str(&line("", "", "", rest));
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
    let has_prompts = rows.iter().any(|row| !row.prompt.is_empty());
    if has_prompts {
        html.push_str("<th style=\"text-align: left\">prompt</th>");
    }
    html.push_str(
        "<th style=\"text-align: left\">answer</th><th style=\"text-align: left\">finish</th></tr></thead><tbody>",
    );
    for row in rows {
        html.push_str("<tr>");
        if has_places {
            html.push_str(&format!("<td>{}</td>", escape(&row.place)));
        }
        if has_prompts {
            let prompt = escape(&shortened(row.prompt));
            html.push_str(&format!("<td style=\"text-align: left\">{prompt}</td>"));
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
        let mut output = LlmOutput::default();
        output.prompts = vec!["How are\nyou?".into(), "word ".repeat(20).into()];
        output.duration = std::time::Duration::from_millis(577);
        let completions = vec![generation("a", Some("stop")), generation("b", Some("stop"))];
        let result = LlmResult::new(vec![completions, vec![generation("c", None)]], output);
        let long = "word ".repeat(11) + "word…";
        let bundle = bundle(&result);
        let lines: Vec<&str> = bundle["text/plain"].as_str().unwrap_or_default().lines().collect();
        let column = |text: &str| format!("{text:60}");
        assert_eq!(lines[0], format!("        {}  finish  answer", column("prompt")));
        assert_eq!(lines[1], format!("[0][0]  {}  stop    a", column("How are you?")));
        assert_eq!(lines[2], format!("[0][1]  {}  stop    b", column("")));
        assert_eq!(lines[3], format!("[1]     {}          c", column(&long)));
        assert_eq!(lines[4], "0.58 s");
        assert!(bundle["text/html"].as_str().is_some_and(|html| html.contains(">How are you?</td>")), "{bundle:?}");
        let hostile = generation("<script>alert('$x & \"y\"')</script>", Some("<i>"));
        let escaped = "&lt;script&gt;alert(&#39;&#36;x &amp; &quot;y&quot;&#39;)&lt;/script&gt;";
        check(
            vec![vec![hostile]],
            "finish  answer\n<i>     <script>alert('$x & \"y\"')</script>",
            &[escaped, "&lt;i&gt;"],
        );
    }
}
