//! Results, displays and input.

use serde_json::{Value, json};

use crate::support::session;
use crate::transcript::Shown;

/// The MIME bundles of a cell, with whether each is its result.
fn bundles(shown: &Shown) -> Vec<(bool, Value)> {
    shown.displays().iter().map(|display| (display.result, Value::Object(display.data.clone()))).collect()
}

#[test]
fn the_last_expression_is_the_result() {
    let t = session();
    t.cell("#[derive(Debug, Clone)]\nstruct Point { x: i32, y: i32 }").shows_nothing();
    t.cell("Point { x: 1, y: 2 }").gives("Point { x: 1, y: 2 }");
    t.cell("let point = Point { x: 3, y: 4 };").shows_nothing();
    t.cell("point").gives("Point { x: 3, y: 4 }");
    // Showing a variable does not use it up.
    t.cell("point").gives("Point { x: 3, y: 4 }");
    t.cell("&point.x").gives("3");
    t.cell("let list = vec![1, 2, 3];\nlist.iter().sum::<i32>()").gives("6");
    t.cell("\"text\"").gives("\"text\"");
    t.cell("if list.len() > 2 { \"long\" } else { \"short\" }").gives("\"long\"");
    t.cell("Some(1.5)").gives("Some(1.5)");
    t.cell("list.iter().map(|n| n * 2).collect::<Vec<_>>()").gives("[2, 4, 6]");
}

#[test]
fn unit_shows_nothing() {
    let t = session();
    t.cell("()").shows_nothing();
    t.cell("fn nothing() {}\nnothing()").shows_nothing();
    t.cell("1;").shows_nothing();
}

#[test]
fn a_value_without_debug_does_not_compile() {
    let t = session();
    t.cell("struct Opaque;").shows_nothing();
    t.cell("Opaque").failed("CompileError").traceback_has(&["Debug"]);
    t.cell("let opaque = Opaque;").shows_nothing();
}

#[test]
fn a_types_own_display_is_the_result() {
    let t = session();
    t.cell(
        r#"struct Page(&'static str);
impl Page {
    fn evcxr_display(&self) {
        println!("EVCXR_BEGIN_CONTENT text/html\n<b>{}</b>\nEVCXR_END_CONTENT", self.0);
    }
}"#,
    )
    .shows_nothing();
    let shown = t.cell("Page(\"result\")").ok();
    assert_eq!(bundles(&shown), [(true, json!({ "text/html": "<b>result</b>" }))]);
    // In the middle of a cell it is not the result.
    let shown =
        t.cell("println!(\"1\");\nPage(\"a\").evcxr_display();\nprintln!(\"2\");\nPage(\"b\").evcxr_display();").ok();
    assert_eq!(
        shown.order(),
        ["stdout: 1\n", "display: text/html \"<b>a</b>\"", "stdout: 2\n", "display: text/html \"<b>b</b>\""]
    );
    let shown = t.cell("Page(\"a\").evcxr_display();\nPage(\"b\")").ok();
    assert_eq!(
        bundles(&shown),
        [(false, json!({ "text/html": "<b>a</b>" })), (true, json!({ "text/html": "<b>b</b>" }))]
    );
}

#[test]
fn a_display_by_another_trait_is_the_result() {
    let t = session();
    t.cell(
        r#"#[derive(Debug)]
struct Table(u8);
trait ShowTable { fn evcxr_display(&self); }
impl ShowTable for Table {
    fn evcxr_display(&self) {
        println!("EVCXR_BEGIN_CONTENT text/html\n<b>{}</b>\nEVCXR_END_CONTENT", self.0);
    }
}"#,
    )
    .shows_nothing();
    let html = |result, n| (result, json!({ "text/html": format!("<b>{n}</b>") }));
    assert_eq!(bundles(&t.cell("Table(1)").ok()), [html(true, 1)]);
    let shown = t.cell("let table = Table(2);\ntable.evcxr_display();\nprintln!(\"between\");\n&table").ok();
    assert_eq!(bundles(&shown), [html(false, 2), html(true, 2)]);
    assert_eq!(shown.order()[1], "stdout: between\n");
    t.cell("Some(table.0)").gives("Some(2)");
    t.cell("vec![Table(3)]").gives("[Table(3)]");
    // Errors keep their places.
    let shown = t.cell("table.evcxr_display(); let n: u8 = \"text\";").failed("CompileError");
    shown.traceback_has(&["cell:1:36"]);
    // Also where evcxr's own form of results is asked for.
    t.cell(":fmt {}").ok();
    assert_eq!(bundles(&t.cell("Table(4)").ok()), [html(true, 4)]);
    t.cell("\"text\"").gives("text");
    t.cell(":fmt {:?}").ok();
}

#[test]
fn two_mime_types_are_one_bundle() {
    let t = session();
    t.cell(
        r#"struct Both;
impl Both {
    fn evcxr_display(&self) {
        println!("EVCXR_BEGIN_CONTENT text/html\n<i>both</i>\nEVCXR_END_CONTENT");
        println!("EVCXR_BEGIN_CONTENT text/plain\nboth\nof them\nEVCXR_END_CONTENT");
    }
}"#,
    )
    .shows_nothing();
    let both = json!({ "text/html": "<i>both</i>", "text/plain": "both\nof them" });
    assert_eq!(bundles(&t.cell("Both").ok()), [(true, both.clone())]);
    assert_eq!(bundles(&t.cell("Both.evcxr_display();\nprintln!(\"end\");").ok()), [(false, both)]);
}

#[test]
fn json_content_travels_as_json() {
    let t = session();
    let shown =
        t.cell(r#"println!("EVCXR_BEGIN_CONTENT application/json\n{{\"a\": [1, 2]}}\nEVCXR_END_CONTENT");"#).ok();
    assert_eq!(bundles(&shown), [(false, json!({ "application/json": { "a": [1, 2] } }))]);
}

#[test]
fn rich_values_are_displayed() {
    let t = session();
    let shown = t
        .cell(
            r#"use tokio::{Html, Json, Latex, Markdown, Svg};
display(Html("<b>bold</b>"));
display(Markdown(String::from("**bold**")));
display(Latex("$x^2$"));
display(Svg("<svg/>"));
display(Json(serde_json::json!({ "a": 1 })));
display(vec![1, 2]);
Html("<i>result</i>")"#,
        )
        .ok();
    let bundles = bundles(&shown);
    let rich: Vec<(bool, &str, &Value)> = bundles
        .iter()
        .map(|(result, data)| {
            let entry = data.as_object().unwrap().iter().next().unwrap();
            (*result, entry.0.as_str(), entry.1)
        })
        .collect();
    assert_eq!(
        rich,
        [
            (false, "text/html", &json!("<b>bold</b>")),
            (false, "text/markdown", &json!("**bold**")),
            (false, "text/latex", &json!("$x^2$")),
            (false, "image/svg+xml", &json!("<svg/>")),
            (false, "application/json", &json!({ "a": 1 })),
            (false, "text/plain", &json!("[1, 2]")),
            (true, "text/html", &json!("<i>result</i>")),
        ]
    );
}

#[test]
fn a_display_is_updated_also_by_a_later_cell() {
    let t = session();
    let first = t.cell("let shown = display(\"0 %\");\nshown.update(\"50 %\");").ok();
    let second = t.cell("shown.update(\"100 %\");").ok();
    let displays: Vec<_> = first.displays().into_iter().chain(second.displays()).collect();
    let steps: Vec<_> = displays.iter().map(|display| (display.update, display.data["text/plain"].clone())).collect();
    assert_eq!(steps, [(false, json!("0 %")), (true, json!("50 %")), (true, json!("100 %"))]);
    let id = displays[0].display_id.clone();
    assert!(id.is_some() && displays.iter().all(|display| display.display_id == id));
    // A handle as the last expression is no result.
    assert_eq!(t.cell("display(1)").ok().result(), None);
    assert_ne!(t.cell("display(1);").ok().displays()[0].display_id, id);
}

#[test]
fn output_is_cleared_in_its_place() {
    let t = session();
    let shown = t
        .cell("println!(\"old\");\ntokio::clear_output(true);\nprintln!(\"new\");\ntokio::clear_output(false);\ndisplay(1);")
        .ok();
    assert_eq!(
        shown.order(),
        ["stdout: old\n", "clear wait=true", "stdout: new\n", "clear wait=false", "display: text/plain \"1\""]
    );
}

#[test]
fn a_cell_asks_for_input() {
    let t = session();
    t.cell(
        r#"fn ask(prompt: &str) -> String {
    println!("EVCXR_INPUT_REQUEST:{prompt}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim().to_owned()
}"#,
    )
    .shows_nothing();
    let mut running =
        t.start("let name = ask(\"Name at 10:30?\");\nprintln!(\"Hello {name}\");\nlet age = ask(\"Age\");\nage");
    assert_eq!(running.until_asked(), "Name at 10:30?");
    running.reply("Ada L. \u{e4}");
    assert_eq!(running.until_asked(), "Age");
    running.reply("36");
    let shown = running.finish().gives("\"36\"");
    assert_eq!(
        shown.order(),
        [
            "input \"Name at 10:30?\" password=false",
            "stdout: Hello Ada L. \u{e4}\n",
            "input \"Age\" password=false",
            "result: text/plain \"\\\"36\\\"\""
        ]
    );
    let mut running = t.start("println!(\"EVCXR_INPUT_REQUEST_PASSWORD:Key\");\nlet mut key = String::new();\nstd::io::stdin().read_line(&mut key)?;\nkey.len()");
    assert_eq!(running.until_asked(), "Key");
    running.reply("secret");
    let shown = running.finish().gives("7");
    assert_eq!(shown.order()[0], "input \"Key\" password=true");
}

#[test]
fn the_crate_evcxr_input_asks_for_input() {
    let t = session();
    let mut running = t.start(":dep evcxr_input = \"1\"\nlet name = evcxr_input::get_string(\"Name?\");\nname");
    assert_eq!(running.until_asked(), "Name?");
    running.reply("Ada");
    running.finish().gives("\"Ada\"");
}

/// An answer that comes at once finds evcxr not yet waiting for it.
#[test]
fn answers_that_come_at_once_are_not_lost() {
    const QUESTIONS: usize = 200;
    let t = session();
    let mut running = t.start(
        r#"let mut answers = Vec::new();
for number in 0..200 {
    println!("EVCXR_INPUT_REQUEST:{number}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    answers.push(line.trim().to_owned());
}
let lost = answers.iter().filter(|answer| answer.is_empty()).count();
lost"#,
    );
    for number in 0..QUESTIONS {
        assert_eq!(running.until_asked(), number.to_string());
        running.reply("yes");
    }
    running.finish().gives("0");
}

#[test]
fn answers_of_a_model_are_a_table() {
    let t = session();
    t.cell("let llm = OpenAI::new();\nlet answer = llm.agenerate([\"Hello\"]).await?;").shows_nothing();
    for cell in ["answer", "&answer", "Some(answer.clone())", "llm.agenerate([\"Hello\"]).await"] {
        let shown = t.cell(cell).ok();
        let shown = bundles(&shown);
        let [(true, bundle)] = shown.as_slice() else { panic!("{shown:?}") };
        let (plain, html) = (bundle["text/plain"].as_str().unwrap(), bundle["text/html"].as_str().unwrap());
        assert!(plain.starts_with("prompt  finish  answer\nHello   stop    "), "{plain}");
        assert!(plain.contains("output tokens") && plain.ends_with(" s"), "{plain}");
        assert!(html.starts_with("<table>") && html.contains(">Hello</td>"), "{html}");
    }
    let shown = t.cell("display(answer.clone());").ok();
    assert!(shown.displays()[0].data["text/html"].as_str().unwrap().starts_with("<table>"));
    // A variable that was shown is there still.
    t.cell("answer.generations.len()").gives("1");
    // Values with references, and of no size.
    t.cell("let text = String::from(\" a b \");").shows_nothing();
    t.cell("text.split_whitespace().next()").gives("Some(\"a\")");
    t.cell("*text.trim()").gives("\"a b\"");
    let shown = t.cell("Some(tokio::Html(text.clone()))").ok();
    assert_eq!(bundles(&shown), [(true, json!({ "text/html": " a b ", "text/plain": "Some(Html(\" a b \"))" }))]);
    let shown = t.cell("None::<tokio::Html<String>>").ok();
    assert_eq!(bundles(&shown), [(true, json!({ "text/plain": "None" }))]);
    t.cell("OpenAI::new().base_url(\"http://127.0.0.1:1/v1\").max_retries(0).agenerate([\"Hello\"]).await.is_err()")
        .gives("true");
}
