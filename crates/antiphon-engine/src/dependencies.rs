//! The crates of the preload, and `:dep` lines that ask for one of them.

use std::path::Path;

use semver::{Version, VersionReq};

use crate::magics;

/// A crate that every session has.
struct Preloaded {
    name: &'static str,
    /// Its entry in a manifest; `{crates}` is the folder of the preload's sources.
    entry: &'static str,
    /// Features that a `:dep` may ask for without a rebuild; `None`: all of them.
    features: Option<&'static [&'static str]>,
}

/// The entries ask for no feature that the cell library does not have: a test builds them.
const PRELOADED: [Preloaded; 6] = [
    Preloaded {
        // evcxr's generated code says `tokio`, so that is the cell library's name.
        name: "tokio",
        entry: r#"{ path = "{crates}/antiphon-cell", package = "antiphon-cell" }"#,
        features: None,
    },
    Preloaded { name: "antiphon", entry: r#"{ path = "{crates}/antiphon" }"#, features: Some(&[]) },
    Preloaded { name: "futures", entry: r#""0.3""#, features: Some(&["std", "alloc", "async-await", "executor"]) },
    Preloaded {
        name: "reqwest",
        entry: r#"{ version = "0.13", default-features = false }"#,
        features: Some(&[
            "charset",
            "cookies",
            "default-tls",
            "form",
            "gzip",
            "http2",
            "json",
            "multipart",
            "query",
            "rustls",
            "rustls-tls",
            "stream",
            "system-proxy",
        ]),
    },
    Preloaded {
        name: "serde",
        entry: r#"{ version = "1", features = ["derive"] }"#,
        features: Some(&["std", "alloc", "derive", "rc"]),
    },
    Preloaded { name: "serde_json", entry: r#""1""#, features: Some(&["std", "alloc", "preserve_order", "raw_value"]) },
];

/// The `:dep` lines of the preload.
pub(crate) fn commands(crates: &Path) -> String {
    PRELOADED.iter().map(|krate| format!(":dep {} = {}\n", krate.name, entry(krate, crates))).collect()
}

/// The same as a manifest's table, without its head.
pub(crate) fn manifest_entries(crates: &Path) -> String {
    PRELOADED.iter().map(|krate| format!("{} = {}\n", krate.name, entry(krate, crates))).collect()
}

fn entry(krate: &Preloaded, crates: &Path) -> String {
    let crates = crates.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    krate.entry.replace("{crates}", &crates)
}

/// Whether a manifest asks for nothing but the preload's own entries, which need no check.
pub(crate) fn is_preloaded(manifest: &str) -> bool {
    let Ok(manifest) = manifest.parse::<toml::Table>() else {
        return false;
    };
    let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
        return false;
    };
    !dependencies.is_empty()
        && dependencies.iter().all(|(name, asked)| {
            PRELOADED.iter().filter(|krate| krate.name == name).any(|krate| {
                let ours = format!("entry = {}", krate.entry).parse::<toml::Table>();
                let ours = ours.ok().and_then(|mut table| table.remove("entry"));
                match (&ours, asked) {
                    (Some(toml::Value::Table(ours)), toml::Value::Table(asked)) if ours.contains_key("path") => {
                        let package = |table: &toml::Table| table.get("package").cloned();
                        let at_ours = |table: &toml::Table| {
                            let path = table.get("path").and_then(toml::Value::as_str)?;
                            Some(path.ends_with(ours["path"].as_str()?.trim_start_matches("{crates}")))
                        };
                        package(ours) == package(asked) && at_ours(asked) == Some(true)
                    }
                    (Some(ours), asked) => ours == asked,
                    (None, _) => false,
                }
            })
        })
}

/// Takes the `:dep` lines that ask for a preloaded crate out of a cell: a second copy would have a second runtime, or
/// types that do not match. Lines keep their numbers. Gives the cell and a remark for each such line.
///
/// `versions` says which version of a crate is preloaded.
pub(crate) fn rewrite(code: &str, versions: &dyn Fn(&str) -> Option<Version>) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let (head, body) = code.split_at(magics::start_of_code(code));
    let mut rewritten = String::with_capacity(code.len());
    for line in head.split_inclusive('\n') {
        let text = line.trim_end();
        match magics::command(text).filter(|(name, _)| *name == ":dep").and_then(|(_, asked)| replace(asked, versions))
        {
            Some((replacement, note)) => {
                notes.push(note);
                rewritten.push_str(&replacement);
                rewritten.push_str(&line[text.len()..]);
            }
            None => rewritten.push_str(line),
        }
    }
    (rewritten + body, notes)
}

fn replace(asked: &str, versions: &dyn Fn(&str) -> Option<Version>) -> Option<(String, String)> {
    let (name, config) = asked.split_once('=').map_or((asked, "\"*\""), |(name, config)| (name, config));
    let name = name.trim();
    let krate = PRELOADED.iter().find(|krate| krate.name == name)?;
    let config = format!("config = {}", config.trim()).parse::<toml::Table>().ok()?.remove("config")?;
    let preloaded = versions(name)?;
    let mut note = format!("`:dep {name}`: the preloaded {name} {preloaded} serves");
    let version = match &config {
        toml::Value::String(version) => Some(version.as_str()),
        config => config.get("version").and_then(toml::Value::as_str),
    };
    if let Some(version) = version
        && VersionReq::parse(version).is_ok_and(|asked| !asked.matches(&preloaded))
    {
        note.push_str(&format!(" (the cell asks for {version}; a second copy could not share the runtime)"));
    }
    let features = config.get("features").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let missing: Vec<&str> = features
        .iter()
        .filter_map(toml::Value::as_str)
        .filter(|feature| krate.features.is_some_and(|known| !known.contains(feature)))
        .collect();
    if missing.is_empty() || krate.name == "antiphon" {
        return Some((String::new(), note));
    }
    // A feature that the preload lacks is added: cargo compiles what depends on it, and the child starts anew.
    let version = krate.entry.trim_start_matches("{ version = ").split('"').nth(1).unwrap_or("*");
    let wanted = missing.iter().map(|feature| format!("{feature:?}")).collect::<Vec<_>>().join(", ");
    let derive = if name == "serde" { ", \"derive\"" } else { "" };
    let line =
        format!(":dep {name} = {{ version = \"{version}\", default-features = false, features = [{wanted}{derive}] }}");
    note.push_str(&format!(", with the features {} added", missing.join(", ")));
    Some((line, note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &str, note_holds: &[&str]) {
        let versions = |name: &str| Version::parse(if name == "reqwest" { "0.13.5" } else { "1.2.3" }).ok();
        let (rewritten, notes) = rewrite(code, &versions);
        assert_eq!(rewritten, expected);
        assert_eq!(notes.len(), note_holds.len(), "{notes:?}");
        for (note, part) in notes.iter().zip(note_holds) {
            assert!(note.contains(part), "{note}");
        }
    }

    #[test]
    fn preloaded_crates_are_not_added_twice() {
        check(":dep itoa = \"1\"\nlet x = 1;", ":dep itoa = \"1\"\nlet x = 1;", &[]);
        check(":dep serde_json = \"1\"\n:dep itoa\nx", "\n:dep itoa\nx", &["serde_json 1.2.3 serves"]);
        check(":dep tokio = { version = \"1\", features = [\"full\"] }", "", &["tokio 1.2.3"]);
        check(":dep reqwest = \"0.11\"", "", &["asks for 0.11"]);
        check("let s = \"\n:dep tokio = 1\n\";", "let s = \"\n:dep tokio = 1\n\";", &[]);
    }

    #[test]
    fn missing_features_are_added() {
        check(
            ":dep serde_json = { version = \"1\", features = [\"arbitrary_precision\"] }",
            ":dep serde_json = { version = \"1\", default-features = false, features = [\"arbitrary_precision\"] }",
            &["arbitrary_precision added"],
        );
        check(
            ":dep reqwest = { version = \"0.13\", features = [\"json\", \"socks\"] }",
            ":dep reqwest = { version = \"0.13\", default-features = false, features = [\"socks\"] }",
            &["socks added"],
        );
    }

    #[test]
    fn only_the_preloads_own_entries_pass_without_a_check() {
        let crates = Path::new("/cache/preload/1/src/crates");
        for line in manifest_entries(crates).lines() {
            assert!(is_preloaded(&format!("[dependencies]\n{line}\n")), "{line}");
        }
        assert!(is_preloaded(&format!("[dependencies]\n{}", manifest_entries(crates))));
        for line in ["itoa = \"1\"", "serde_json = \"0.9\"", "tokio = \"1\"", ""] {
            assert!(!is_preloaded(&format!("[dependencies]\n{line}\n")), "{line}");
        }
    }
}
