//! Manual pages and what shells complete: made of the same description as the help.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::args::Args;
use crate::output::{Failure, Output, local};

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    // Written at once: the generator panics when nobody reads.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "lucidlink", &mut script);
    let mut out = Output::new();
    out.bytes(&script)?;
    out.finish()
}

pub(crate) fn pages(folder: &Path) -> Result<(), Failure> {
    let mut command = Args::command().disable_help_subcommand(true);
    // Commands know their whole names from now on, and what all of them take.
    command.build();
    Ok(clap_mangen::generate_to(as_page(command), folder)
        .map_err(|e| local("write the manual pages to", folder, e))?)
}

/// A command as its page is made of it: the generator's own synopsis gives options no values, and it puts
/// arguments among the options.
fn as_page(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    command
        .override_usage(usage.trim_start_matches("Usage: ").to_owned())
        .mut_args(|arg| if arg.is_positional() { arg.help_heading("Arguments") } else { arg })
        .mut_subcommands(as_page)
}
