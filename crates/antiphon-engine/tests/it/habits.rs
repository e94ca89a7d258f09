//! What people do in evcxr notebooks.

use crate::support::session;

#[test]
fn definitions_are_kept_and_can_be_made_anew() {
    let t = session();
    t.cell("fn double(n: i32) -> i32 { n * 2 }").shows_nothing();
    t.cell("double(4)").gives("8");
    t.cell("fn double(n: i32) -> i32 { n + n + 1 }").shows_nothing();
    t.cell("double(4)").gives("9");
    t.cell("fn biggest<T: PartialOrd + Copy>(list: &[T]) -> T { list.iter().copied().fold(list[0], |a, b| if b > a { b } else { a }) }")
        .shows_nothing();
    t.cell("(biggest(&[1, 3, 2]), biggest(&[0.5, 0.1]))").gives("(3, 0.5)");
    t.cell("macro_rules! square { ($n:expr) => { $n * $n }; }").shows_nothing();
    t.cell("square!(double(1))").gives("9");
    t.cell("const LIMIT: usize = 3;\nstatic NAME: &str = \"static\";").shows_nothing();
    t.cell("(LIMIT, NAME)").gives("(3, \"static\")");
    t.cell("mod shapes { pub fn area(r: f64) -> f64 { r * r } }").shows_nothing();
    t.cell("shapes::area(2.0)").gives("4.0");
    t.cell("trait Speak { fn speak(&self) -> String; }\nimpl Speak for i32 { fn speak(&self) -> String { format!(\"I am {self}\") } }")
        .shows_nothing();
    t.cell("5.speak()").gives("\"I am 5\"");
    t.cell("enum Mood { Good, Bad }\nimpl Mood { fn is_good(&self) -> bool { matches!(self, Mood::Good) } }")
        .shows_nothing();
    t.cell("Mood::Bad.is_good() || Mood::Good.is_good()").gives("true");
}

#[test]
fn variables_are_kept_and_change() {
    let t = session();
    t.cell("let mut count = 1;\nlet mut list = vec![String::from(\"a\")];").shows_nothing();
    t.cell("count += 1;\nlist.push(format!(\"b{count}\"));").shows_nothing();
    t.cell("(count, list.clone())").gives("(2, [\"a\", \"b2\"])");
    t.cell("for _ in 0..3 { count *= 2; }\ncount").gives("16");
    // Another type under the same name.
    t.cell("let count = \"text\".to_owned();").shows_nothing();
    t.cell("count.len()").gives("4");
    // Moved away, it is gone.
    t.cell("let moved = list;").shows_nothing();
    t.cell("list").failed("CompileError");
    t.cell("moved").gives("[\"a\", \"b2\"]");
    t.cell("let (left, right) = (1, [2, 3]);\nlet [first, ..] = right;").shows_nothing();
    t.cell("(left, first)").gives("(1, 2)");
}

#[test]
fn variables_of_every_kind_are_kept() {
    let t = session();
    t.cell(
        "use std::collections::HashMap;
use std::{cell::RefCell, rc::Rc};
let map: HashMap<String, Vec<i32>> = HashMap::from([(\"a\".to_owned(), vec![1])]);
let shared = Rc::new(RefCell::new(3));
let add: Box<dyn Fn(i32) -> i32> = Box::new(|n| n + 1);
let add_async: Box<dyn Fn(i32) -> futures::future::BoxFuture<'static, i32>> = Box::new(|n| Box::pin(async move { n + 2 }));
let path = std::path::PathBuf::from(\"/x\");
let array = [0u8; 4];
let pair = (1, \"static str\");
let float = 1.5f32;
let pointer: fn(f64) -> f64 = f64::sqrt;",
    )
    .shows_nothing();
    t.cell("*shared.borrow_mut() += 1;").shows_nothing();
    t.cell("(map[\"a\"][0], *shared.borrow(), add(1), add_async(1).await, path.display().to_string(), array.len(), pair.1, float, pointer(4.0))")
        .gives("(1, 4, 2, 3, \"/x\", 4, \"static str\", 1.5, 2.0)");
}

#[test]
fn a_variable_outlives_its_types_first_definition() {
    let t = session();
    t.cell("#[derive(Debug)]\nstruct Point { x: i32 }").shows_nothing();
    t.cell("let point = Point { x: 1 };\nlet other = 5;").shows_nothing();
    t.cell("#[derive(Debug)]\nstruct Point { x: i32, y: i32 }").ok();
    // The old value cannot be used any more, and everything else goes on.
    let shown = t.cell("Point { x: other, y: 2 }");
    assert_eq!(shown.ok().result(), Some("Point { x: 5, y: 2 }"));
    t.cell("let point = Point { x: 3, y: 4 };").ok();
    t.cell("point.y").gives("4");
    t.cell("other").gives("5");
}

#[test]
fn use_declarations_are_kept() {
    let t = session();
    t.cell("use std::collections::BTreeMap;\nuse std::fmt::Write as _;").shows_nothing();
    t.cell("extern crate serde_json;\nuse serde_json::json;").shows_nothing();
    t.cell("let mut map = BTreeMap::new();\nmap.insert(1, 'a');\nlet mut text = String::new();\nwrite!(text, \"{map:?}\")?;\ntext")
        .gives("\"{1: 'a'}\"");
    t.cell("json!({ \"b\": 1 }).to_string()").gives("\"{\\\"b\\\":1}\"");
}

#[test]
fn serde_derives_work() {
    let t = session();
    t.cell(
        "#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Reply { text: String, tokens: Option<u32> }",
    )
    .shows_nothing();
    t.cell("serde_json::to_string(&Reply { text: \"hi\".into(), tokens: None })?")
        .gives("\"{\\\"text\\\":\\\"hi\\\",\\\"tokens\\\":null}\"");
    t.cell("serde_json::from_str::<Reply>(r#\"{\"text\": \"hi\", \"tokens\": 3}\"#)?")
        .gives("Reply { text: \"hi\", tokens: Some(3) }");
}

#[test]
fn a_users_own_names_win_over_the_prelude() {
    let t = session();
    t.cell("#[derive(Debug)]\nstruct OpenAI { own: bool }").shows_nothing();
    t.cell("fn display(text: &str) -> usize { text.len() }").shows_nothing();
    t.cell("#[derive(Debug)]\nstruct Duration(u8);").shows_nothing();
    t.cell("(OpenAI { own: true }, display(\"four\"), Duration(1))").gives("(OpenAI { own: true }, 4, Duration(1))");
    t.cell("use std::time::Instant;\nlet start = Instant::now();\nstart.elapsed().as_secs() < 60").gives("true");
    t.cell("let join_all = 3;\njoin_all").gives("3");
}

#[test]
fn results_of_a_users_own_std_names_work() {
    let t = session();
    t.cell("type Result<T> = std::result::Result<T, String>;\nfn try_it() -> Result<u8> { Ok(3) }").shows_nothing();
    t.cell("try_it()?").gives("3");
}

#[test]
fn variables_are_listed() {
    let t = session();
    t.cell("let answer = 42;\nlet name = String::from(\"x\");").shows_nothing();
    let shown = t.cell(":vars").ok();
    let text = shown.result().unwrap_or_default();
    assert!(text.contains("answer: i32") && text.contains("name: String"), "{text}");
    assert!(shown.displays()[0].data.contains_key("text/html"));
}

#[test]
fn commands_answer() {
    let t = session();
    let shown = t.cell(":help").ok();
    assert!(shown.result().unwrap_or_default().contains(":dep"), "{shown:?}");
    t.cell("!echo hi").prints("hi\n");
    // Before a command of evcxr's it is evcxr's.
    let shown = t.cell("!echo hi\n:opt 0").ok();
    assert!(shown.result().unwrap_or_default().starts_with("hi"), "{shown:?}");
    assert!(t.cell(":version").ok().result().is_some());
    t.cell("let word = \"x\";").shows_nothing();
    let shown = t.cell(":type word").ok();
    assert_eq!(shown.result().map(str::trim), Some("word: &str"));
    t.cell("!exit 3").failed("ShellError");
    t.cell(":quit").failed("CommandError");
    t.cell("1").gives("1");
}

#[test]
fn types_are_shown_on_demand() {
    let t = session();
    t.cell(":types").ok();
    let shown = t.cell("vec![1.5]").ok();
    assert_eq!(shown.result(), Some(": Vec<f64> = [1.5]"));
    t.cell(":types").ok();
    t.cell("vec![1.5]").gives("[1.5]");
}

#[test]
fn the_format_of_results_can_be_set() {
    let t = session();
    t.cell(":fmt {:#?}").ok();
    t.cell("Some(1)").gives("Some(\n    1,\n)");
    t.cell(":fmt {}").ok();
    t.cell("\"shown by Display\"").gives("shown by Display");
    t.cell(":fmt").ok();
    t.cell("\"shown by Debug\"").gives("\"shown by Debug\"");
    t.cell(":fmt {:?}\n\"the same cell\"").gives("\"the same cell\"");
}

#[test]
fn clear_forgets_everything() {
    let t = session();
    t.cell("let gone = 1;\nfn gone_too() {}").shows_nothing();
    t.cell(":fmt {:#?}").ok();
    t.cell(":clear").ok();
    t.cell("gone").failed("CompileError");
    t.cell("gone_too()").failed("CompileError");
    t.cell("Some(1)").gives("Some(1)");
    t.cell("let gone = 2;").shows_nothing();
    // Anew within one cell.
    t.cell(":clear\nlet new = 3;\nnew").gives("3");
    t.cell("gone").failed("CompileError");
    t.cell("tokio::spawn(async { 1 }).await?").gives("1");
}

#[test]
fn the_level_of_optimization_can_be_set() {
    let t = session();
    t.cell("let kept = 1;").shows_nothing();
    let shown = t.cell(":opt 2").ok();
    assert_eq!(shown.result().map(str::trim), Some("Optimization: 2"));
    t.cell("tokio::task::yield_now().await;\nkept + 1").gives("2");
    t.cell(":opt 0").ok();
    t.cell("kept").gives("1");
}

#[test]
fn a_new_dependency_is_added() {
    let t = session();
    t.cell("let kept = String::from(\"kept\");").shows_nothing();
    t.cell(":dep itoa = \"1\"").ok();
    t.cell("itoa::Buffer::new().format(17u32).to_owned()").gives("\"17\"");
    t.cell(":dep fastrand = \"2\"\nuse fastrand::u8 as random;\nrandom(..) < 255 || true").gives("true");
    t.cell("kept").gives("\"kept\"");
    t.cell(":dep this-crate-does-not-exist-at-all = \"1\"").failed("CommandError");
    t.cell("kept").gives("\"kept\"");
}

#[test]
fn cells_may_have_commands_code_and_results() {
    let t = session();
    t.cell(":dep itoa = \"1\"\n:opt 0\n// remark\nlet x = itoa::Buffer::new().format(3u8).len();\nx").gives("1");
}

#[test]
fn generic_async_code_and_streams_work() {
    let t = session();
    t.cell(
        "use futures::{StreamExt, stream};
async fn twice<F, T>(make: F) -> (T::Output, T::Output) where F: Fn() -> T, T: std::future::Future { (make().await, make().await) }",
    )
    .shows_nothing();
    t.cell("twice(|| async { 1 }).await").gives("(1, 1)");
    t.cell("stream::iter(1..=3).map(|n| async move { n * n }).buffered(2).collect::<Vec<_>>().await")
        .gives("[1, 4, 9]");
    t.cell("join_all((0..3).map(|n| async move { n })).await").gives("[0, 1, 2]");
    t.cell("{ let closure = async |n: i32| n + 1; closure(1).await }").gives("2");
}

#[test]
fn references_to_variables_work_across_an_await() {
    let t = session();
    t.cell("let mut list = vec![1, 2, 3];").shows_nothing();
    t.cell("{ let last = list.last_mut().unwrap(); tokio::task::yield_now().await; *last += 1; }\nlist.clone()")
        .gives("[1, 2, 4]");
}

#[test]
fn the_environment_is_the_engines() {
    let t = session();
    t.cell("std::env::var(\"OPENAI_API_KEY\")?").gives("\"simulated\"");
    t.cell("std::env::current_dir()? == std::path::Path::new(env!(\"CARGO_MANIFEST_DIR\"))").gives("false");
    let here = std::env::current_dir().unwrap();
    t.cell("std::env::current_dir()?.display().to_string()").gives(&format!("{:?}", here.display().to_string()));
    let path = std::env::var("PATH").unwrap();
    t.cell("std::env::var(\"PATH\")?").gives(&format!("{path:?}"));
}

#[test]
fn completion_and_inspection_know_the_session() {
    let t = session();
    t.cell(
        "let name_of_the_variable = String::from(\"x\");\n/// Adds.\nfn function_of_the_user(n: i32) -> i32 { n + 1 }",
    )
    .shows_nothing();
    let complete = |code: &str| {
        let found = crate::support::within(
            std::time::Duration::from_secs(60),
            "completing",
            t.engine().complete(code, code.len()),
        );
        found.items.into_iter().map(|item| item.code).collect::<Vec<_>>()
    };
    assert!(complete("name_of").iter().any(|code| code.contains("name_of_the_variable")));
    assert!(complete("name_of_the_variable.is_e").iter().any(|code| code.contains("is_empty")));
    assert!(complete("OpenAI::new().temp").iter().any(|code| code.contains("temperature")));
    assert!(complete(":va").contains(&":vars".to_owned()));
    let inspected = crate::support::within(
        std::time::Duration::from_secs(60),
        "inspecting",
        t.engine().inspect("function_of_the_user(1)", 5),
    );
    let (text, _) = inspected.unwrap();
    assert!(text.contains("fn function_of_the_user(n: i32) -> i32") && text.contains("Adds."), "{text}");
    t.cell("name_of_the_variable").gives("\"x\"");
}

#[test]
fn restart_forgets_variables_and_nothing_else() {
    let t = session();
    t.cell("let lost = vec![1];\nfn kept() -> i32 { 7 }").shows_nothing();
    t.cell("// :restart is a command\n:restart\nlet made = kept();").ok();
    t.cell("made + kept()").gives("14");
    t.cell("lost").failed("CompileError");
}

#[test]
fn a_command_that_would_take_the_shared_library_apart_is_refused() {
    let t = session();
    let shown = t.cell(":allow_static_linking 0").failed("CommandError");
    assert!(shown.error().evalue.contains("share one dynamic library"), "{:?}", shown.error());
    t.cell("1 + 1").gives("2");
}
