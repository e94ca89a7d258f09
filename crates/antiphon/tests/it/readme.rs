//! The README's example is that of the crate's documentation, which runs.

/// The first example of a text.
fn example(text: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.starts_with("```")).skip(1);
    lines.take_while(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_readmes_example_runs() {
    let documentation: String = include_str!("../../src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        // What readers do not see.
        .filter(|line| !line.starts_with("# "))
        .map(|line| format!("{line}\n"))
        .collect();
    let shown = example(&documentation);
    assert!(shown.contains("agenerate"), "{shown}");
    assert_eq!(example(include_str!("../../README.md")), shown);
}
