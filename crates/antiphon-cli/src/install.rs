//! `antiphon install` and `antiphon uninstall`.

use std::io::Write;

use antiphon_kernel::{Kernelspec, Place};
use antiphon_notebook::ExitCode;

use crate::args::{InstallArgs, PlaceArgs, UninstallArgs};
use crate::failure::Failure;
use crate::prebuild;
use crate::signals::Shutdown;

/// Writes the kernelspec, and builds the preload so that the first notebook starts at once.
pub(crate) async fn install(args: &InstallArgs, shutdown: &Shutdown) -> Result<u8, Failure> {
    let program =
        std::env::current_exe().map_err(|error| anyhow::Error::new(error).context("cannot find this program"))?;
    let mut spec = Kernelspec::new(program);
    if args.sim.sim {
        spec.name.push_str("-sim");
        spec.display_name = spec.display_name.replace(')', ", simulated)");
        let (latency, seed) = (args.sim.sim_latency.to_string(), args.sim.sim_seed.to_string());
        spec.arguments = ["--sim", "--sim-latency", &latency, "--sim-seed", &seed].map(ToOwned::to_owned).to_vec();
    }
    if let Some(name) = &args.name {
        spec.name.clone_from(name);
    }
    if let Some(display_name) = &args.display_name {
        spec.display_name.clone_from(display_name);
    }
    let folder = spec.install(&place(&args.place))?;
    say(&format!("installed the kernel `{}` in {}", spec.name, folder.display()));
    if args.no_prebuild { Ok(ExitCode::OK) } else { prebuild::prebuild(shutdown).await }
}

/// Removes the kernelspec; the preload stays, as `antiphon run` uses it too.
pub(crate) fn uninstall(args: &UninstallArgs) -> Result<u8, Failure> {
    let folder = antiphon_kernel::uninstall(&args.name, &place(&args.place))?;
    say(&format!("removed {}", folder.display()));
    Ok(ExitCode::OK)
}

fn place(args: &PlaceArgs) -> Place {
    match &args.prefix {
        Some(prefix) => Place::Prefix(prefix.clone()),
        None if args.sys_prefix => Place::SysPrefix,
        None => Place::User,
    }
}

fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
