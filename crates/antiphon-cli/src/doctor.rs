//! `antiphon doctor`.

use std::io::Write;
use std::path::Path;

use antiphon_engine::{PreloadState, Toolchain, preload_state};
use antiphon_kernel::{InstalledKernelspec, Place, installed};
use antiphon_notebook::ExitCode;

use crate::failure::Failure;

/// Variables that hold keys, and who reads them.
const KEYS: [(&str, &str); 6] = [
    ("OPENAI_API_KEY", "OpenAI, ChatOpenAI"),
    ("ANTHROPIC_API_KEY", "Anthropic"),
    ("PROMPTLAYER_API_KEY", "PromptLayerOpenAI"),
    ("AZURE_OPENAI_API_KEY", "AzureChatOpenAI"),
    ("GEMINI_API_KEY", "Gemini"),
    ("AWS_BEARER_TOKEN_BEDROCK", "Bedrock"),
];

/// Where Jupyter finds the kernel: for the user, and in the Python environment that is active.
fn kernelspecs() -> Vec<String> {
    let found = [Place::User, Place::SysPrefix].iter().flat_map(|place| installed(place).unwrap_or_default());
    let mut lines: Vec<String> = found
        .map(|InstalledKernelspec { folder, program, .. }| {
            let folder = folder.display();
            if program.is_file() {
                format!("installed in {folder}")
            } else {
                format!("in {folder} starts {}, which is gone: `antiphon install` again", program.display())
            }
        })
        .collect();
    if lines.is_empty() {
        lines.push("not known to Jupyter: `antiphon install`".to_owned());
    }
    lines
}

/// Says what is there and what is missing; never a key's value.
pub(crate) fn doctor() -> Result<u8, Failure> {
    let mut stdout = anstream::stdout().lock();
    let toolchain = Toolchain::find(Path::new("."))?;
    let _ = writeln!(stdout, "rustc       {} ({})", toolchain.version, toolchain.rustc.display());
    let _ = writeln!(stdout, "rust-src    found in {}", toolchain.sysroot.display());
    let preload = match preload_state(&antiphon_engine::cache_dir(), &toolchain) {
        PreloadState::Ready(folder) => format!("ready in {}", folder.display()),
        PreloadState::Missing(_) => "not built yet: the first run builds it, or `antiphon prebuild`".to_owned(),
    };
    let _ = writeln!(stdout, "preload     {preload}");
    for line in kernelspecs() {
        let _ = writeln!(stdout, "kernel      {line}");
    }
    for (name, classes) in KEYS {
        let is_set = std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let state = if is_set { "set" } else { "not set: use --sim for simulated answers" };
        let _ = writeln!(stdout, "{name:<20}{state} ({classes})");
    }
    Ok(ExitCode::OK)
}
