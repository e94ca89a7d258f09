//! Order and bytes of what cells show.

use serde_json::Value;

use crate::notebook::{cell, text};
use crate::workspace::Workspace;

const LOOP: &str = "for number in 1..=500 { println!(\"line {number}\"); if number % 100 == 0 { display(number); } }";

/// A cell's outputs, one word for each.
fn shown(outputs: &[Value]) -> Vec<String> {
    let of_output = |output: &Value| match output["output_type"].as_str().unwrap() {
        "stream" => format!("{}: {}", output["name"].as_str().unwrap(), text(&output["text"])),
        kind => format!("{kind}: {}", text(&output["data"]["text/plain"])),
    };
    outputs.iter().map(of_output).collect()
}

#[test]
fn what_cells_show_stands_in_order_in_the_notebook_of_their_folder() {
    let workspace = Workspace::new();
    let folder = workspace.path("deep/er");
    workspace.notebook("deep/er/order.ipynb", [
        cell("print!(\"before \"); display(\"shown\"); println!(\"after\"); eprintln!(\"aside\"); 7"),
        cell(LOOP),
        cell("println!(\"{}\", std::env::current_dir()?.display()); std::fs::write(\"made.txt\", \"by a cell\")?;"),
        cell("{ use std::io::Write; std::io::stdout().write_all(b\"\\xe2\\x82\")?; std::io::stdout().flush()?; \
            tokio::time::sleep(Duration::from_millis(50)).await; std::io::stdout().write_all(b\"\\xac \\x1b[31mred\\x1b[0m \\xff\\n\")?; }"),
        cell("println!(\"EVCXR_EXECUTION_COMPLETE of mine\"); \"last\""),
    ]);
    let run = workspace.antiphon(["run", "--in-place", "deep/er/order.ipynb"]).run().code(0);
    let executed = workspace.executed("deep/er/order.ipynb");

    assert_eq!(
        shown(executed.outputs(0)),
        ["stdout: before ", "display_data: shown", "stdout: after\n", "stderr: aside\n", "execute_result: 7"]
    );
    let mut expected = Vec::new();
    for hundred in 0..5 {
        let lines: String = (1..=100).map(|line| format!("line {}\n", hundred * 100 + line)).collect();
        expected.push(format!("stdout: {lines}"));
        expected.push(format!("display_data: {}", (hundred + 1) * 100));
    }
    assert_eq!(shown(executed.outputs(1)), expected);
    assert_eq!(executed.stdout(2), format!("{}\n", folder.display()));
    assert_eq!(std::fs::read(folder.join("made.txt")).unwrap(), b"by a cell");
    // A character in two halves, colours, and a byte that is no text.
    assert_eq!(executed.stdout(3), "\u{20ac} \u{1b}[31mred\u{1b}[0m \u{fffd}\n");
    assert_eq!(executed.stdout(4), "EVCXR_EXECUTION_COMPLETE of mine\n");
    assert_eq!(executed.result(4).as_deref(), Some("\"last\""));

    // The same order on the terminal's side, where a display is a line of its own.
    assert!(run.stdout.starts_with("before \nshown\nafter\n7\nline 1\n"), "{:?}", &run.stdout[..80]);
    assert!(run.stderr.contains("aside\n"), "{}", run.stderr);
}
