//! The crates that rust-analyzer loads.
//!
//! It reads the sources of every crate that `cargo metadata` names, and looks through all of them for trait
//! implementations before it infers the first type: seconds and hundreds of megabytes for TLS, Unicode tables and
//! polling, none of which a cell's types come from. The compiler still sees everything.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// Crates that the preload's own crates use inside. An edge from the cells' crate itself stays, so `:dep rand` works.
const INTERNAL: &[&str] = &[
    "aho-corasick",
    "alloc-no-stdlib",
    "atomic-waker",
    "aws-lc-rs",
    "aws-lc-sys",
    "base64",
    "block-buffer",
    "cc",
    "cfg-if",
    "cfg_aliases",
    "cookie",
    "cookie_store",
    "crc32fast",
    "crossbeam-utils",
    "document-features",
    "encoding_rs",
    "errno",
    "flate2",
    "form_urlencoded",
    "getrandom",
    "h2",
    "hashbrown",
    "httparse",
    "httpdate",
    "hyper-rustls",
    "hyper-util",
    "idna",
    "idna_adapter",
    "ipnet",
    "iri-string",
    "itoa",
    "jobserver",
    "libc",
    "lock_api",
    "log",
    "memchr",
    "mime_guess",
    "miniz_oxide",
    "mio",
    "openssl-probe",
    "parking_lot",
    "parking_lot_core",
    "percent-encoding",
    "ppv-lite86",
    "proc-macro2",
    "psl-types",
    "publicsuffix",
    "quote",
    "rand",
    "rand_chacha",
    "rand_core",
    "regex",
    "regex-automata",
    "regex-syntax",
    "ring",
    "rustls",
    "rustls-native-certs",
    "rustls-pki-types",
    "rustls-platform-verifier",
    "rustls-webpki",
    "ryu",
    "scopeguard",
    "signal-hook-registry",
    "simd-adler32",
    "slab",
    "smallvec",
    "socket2",
    "stable_deref_trait",
    "subtle",
    "syn",
    "synstructure",
    "thiserror",
    "thiserror-impl",
    "time",
    "tokio-rustls",
    "tower-http",
    "tracing",
    "tracing-core",
    "try-lock",
    "unicase",
    "unicode-ident",
    "untrusted",
    "want",
    "zeroize",
    "zmij",
];

/// Families of such crates, by the beginning of their names.
const INTERNAL_FAMILIES: &[&str] =
    &["icu_", "jni", "litemap", "potential_utf", "tinystr", "utf8_iter", "windows", "writeable", "yoke", "zero"];

/// cargo's metadata without what only internal edges reach; `None` when it is not understood.
pub(crate) fn prune(metadata: &[u8]) -> Option<Vec<u8>> {
    let mut metadata: Value = serde_json::from_slice(metadata).ok()?;
    let names: HashMap<String, String> = metadata["packages"]
        .as_array()?
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?.to_owned(), package["name"].as_str()?.to_owned())))
        .collect();
    let is_internal = |id: &str| {
        names.get(id).is_some_and(|name| {
            INTERNAL.contains(&name.as_str()) || INTERNAL_FAMILIES.iter().any(|family| name.starts_with(family))
        })
    };
    let root = metadata["resolve"]["root"].as_str()?.to_owned();
    let nodes = metadata["resolve"]["nodes"].as_array_mut()?;
    for node in nodes.iter_mut().filter(|node| node["id"] != root.as_str()) {
        node["deps"].as_array_mut()?.retain(|edge| !edge["pkg"].as_str().is_some_and(is_internal));
        node["dependencies"].as_array_mut()?.retain(|id| !id.as_str().is_some_and(is_internal));
    }
    let edges: HashMap<&str, Vec<&str>> = nodes
        .iter()
        .filter_map(|node| {
            let targets = node["dependencies"].as_array()?.iter().filter_map(Value::as_str).collect();
            Some((node["id"].as_str()?, targets))
        })
        .collect();
    let mut reached = HashSet::from([root.clone()]);
    let mut waiting = vec![root.as_str()];
    while let Some(id) = waiting.pop() {
        for target in edges.get(id).into_iter().flatten() {
            if reached.insert((*target).to_owned()) {
                waiting.push(target);
            }
        }
    }
    let is_reached = |entry: &Value| entry["id"].as_str().is_some_and(|id| reached.contains(id));
    metadata["resolve"]["nodes"].as_array_mut()?.retain(is_reached);
    metadata["packages"].as_array_mut()?.retain(is_reached);
    serde_json::to_vec(&metadata).ok()
}
