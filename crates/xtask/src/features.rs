//! Whether what rust-analyzer is built on has the same features in every selection of packages: cargo chooses them for
//! the packages that it is asked for, and compiles the most expensive part of the workspace again for others.

use std::collections::{BTreeMap, BTreeSet};

use crate::cargo;
use crate::test::SELECTIONS;

/// The features of each crate, by name and version; there are several sets where a crate is built for the host too.
type Features = BTreeMap<String, BTreeSet<String>>;

/// Crates whose features are not the same everywhere.
///
/// # Errors
/// Cargo fails.
pub(crate) fn differences() -> anyhow::Result<Vec<String>> {
    let below_evcxr = features(&["evcxr"], &["-e", "normal,build"])?;
    let first = features(SELECTIONS[0], &["-e", "normal,build"])?;
    let compared = below_evcxr.keys().filter(|name| first.contains_key(*name)).count();
    anyhow::ensure!(compared > 50, "`cargo tree` names {compared} of the crates below evcxr");
    let mut faults = Vec::new();
    for selection in SELECTIONS {
        let tested = features(selection, &[])?;
        for name in below_evcxr.keys() {
            // Some are tools of the build, which some selections do not have.
            let (Some(here), Some(there)) = (tested.get(name), first.get(name)) else { continue };
            let compiled = |sets: &BTreeSet<String>| sets.iter().max_by_key(|set| set.len()).cloned();
            if compiled(here) != compiled(there) {
                let (run, test) = (SELECTIONS[0].join(", "), selection.join(", "));
                faults.push(format!(
                    "rust-analyzer would be compiled twice: {name} has the features {there:?} for {run}, and {here:?} \
                     for the tests of {test}; name them in crates/antiphon-engine/Cargo.toml"
                ));
            }
        }
    }
    Ok(faults)
}

fn features(packages: &[&str], arguments: &[&str]) -> anyhow::Result<Features> {
    let mut all = vec!["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}"];
    all.extend(arguments);
    all.extend(packages.iter().flat_map(|name| ["-p", name]));
    let mut features = Features::new();
    for line in cargo::output("cargo", &all)?.lines() {
        // A crate that stands there again is marked.
        if let Some((package, set)) = line.trim_end_matches(" (*)").split_once('|') {
            features.entry(package.to_owned()).or_default().insert(set.to_owned());
        }
    }
    Ok(features)
}
