//! Several notebooks in one command.

use crate::notebook::cell;
use crate::workspace::Workspace;

const SESSION: &str = "println!(\"{}\", std::env::var(\"ANTIPHON_SESSION\")?);";

#[test]
fn notebooks_share_a_warm_engine_but_no_state() {
    let workspace = Workspace::new();
    workspace.notebook(
        "a/first.ipynb",
        [cell(SESSION), cell("fn helper() -> i32 { 1 }\nlet mine = String::from(\"first\");")],
    );
    workspace.notebook(
        "a/second.ipynb",
        [
            cell(SESSION),
            cell("mine.len()").tag("raises-exception"),
            cell("helper()").tag("raises-exception"),
            cell("println!(\"{}\", std::env::current_dir()?.display());"),
        ],
    );
    workspace.notebook(
        "b/third.ipynb",
        [cell(SESSION), cell("println!(\"{}\", std::env::current_dir()?.display());"), cell("let broken: = 1;")],
    );
    let arguments = ["run", "--output-dir", "out", "a/first.ipynb", "a/second.ipynb", "b/third.ipynb"];
    workspace.antiphon(arguments).run().code(3);
    let [first, second, third] =
        ["first", "second", "third"].map(|name| workspace.executed(&format!("out/{name}.ipynb")));

    assert_eq!(first.stdout(0), second.stdout(0), "one engine for one folder");
    assert_ne!(first.stdout(0), third.stdout(0), "another for another");
    let (ename, traceback) = second.error(1);
    assert_eq!(ename, "CompileError");
    assert!(traceback.contains("cannot find value `mine` in this scope"), "{traceback}");
    let (_, traceback) = second.error(2);
    assert!(traceback.contains("cannot find function `helper` in this scope"), "{traceback}");
    assert_eq!(second.stdout(3), format!("{}\n", workspace.path("a").display()));
    assert_eq!(third.stdout(1), format!("{}\n", workspace.path("b").display()));
    assert_eq!(third.error(2).0, "CompileError");
    assert_eq!(second.cell(0)["execution_count"], 1, "each notebook counts from 1");
}
