//! Manual pages and what shells complete: made of the same description as the help.

use std::path::Path;

use clap::CommandFactory;
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
    Ok(clap_mangen::generate_to(Args::command(), folder)
        .map_err(|e| local("write the manual pages to", folder, e))?)
}
