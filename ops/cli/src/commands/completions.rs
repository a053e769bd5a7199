use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Options;

#[derive(Args)]
pub struct CompletionsOptions {
    /// bash, zsh, fish, elvish or powershell.
    shell: Shell,
}

pub fn run(options: &CompletionsOptions) {
    clap_complete::generate(options.shell, &mut Options::command(), "postfleet", &mut std::io::stdout());
}
