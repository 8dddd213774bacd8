//! `larder completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::cx::Cx;
use crate::error::Result;

const EXAMPLES: &str = "\
Examples:
  larder completions bash > larder.bash
  larder completions fish > larder.fish";

/// Print what a shell needs to complete the command
///
/// bash: in ~/.local/share/bash-completion/completions/larder; zsh: as _larder in a folder of $fpath; fish: in
/// ~/.config/fish/completions/larder.fish.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, cx: &Cx) -> Result {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "larder", &mut script);
        cx.out.bytes(&script)
    }
}
