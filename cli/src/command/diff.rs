//! `larder diff`.

use clap::Args;

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::migrate::compare::{self, DepthArgs};
use crate::migrate::job::{self, PaceArgs, SelectArgs};
use crate::migrate::name::SideName;
use crate::migrate::progress::Shown;
use crate::stores;

const EXAMPLES: &str = "\
Examples:
  larder diff file:data lmdb:replica
  larder diff data.larder file:data --prefix user/ --facts
  larder diff file:data data.larder --json";

/// Name what two stores or dumps do not have alike
///
/// A line for each key that differs: - only the first has it, + only the second has it, ~ both have it, with what differs of
/// value, attributes and expiry. Then a summary. Exit code 11 if anything differs. Each side is a store, or a dump: PATH, - or
/// STORE::KEY.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// A store or a dump.
    first: String,
    /// Another one.
    second: String,
    #[command(flatten)]
    depth: DepthArgs,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pace: PaceArgs,
}

impl Diff {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let (first, second) = (SideName::parse(&self.first)?, SideName::parse(&self.second)?);
        // Lines go to the same terminal as they come.
        let shown = Shown::new(cx, std::io::IsTerminal::is_terminal(&std::io::stdout()));
        let job = job::options(cx, &self.select, &self.pace, false, &shown);
        let tell = |difference: &_| match cx.common.json {
            true => cx.out.json(&compare::as_json(difference)),
            false => cx.out.line(compare::line(difference)),
        };
        let sides = [&first, &second];
        let found = stores::with(cx, async |stores| {
            compare::compare(cx, stores, sides, &self.depth, job, tell).await
        })
        .await?;
        drop(shown);
        if cx.common.json {
            let mut summary = serde_json::to_value(&found).unwrap_or_default();
            summary["same"] = found.is_equal().into();
            cx.out.json(&summary)?;
        } else if !cx.common.quiet {
            compare::rows(&found)
                .iter()
                .try_for_each(|(name, text)| cx.out.line(format!("{name:<11} {text}")))?;
        }
        match found.is_equal() {
            true => Ok(()),
            false => Err(Failure::Said(Exit::Found)),
        }
    }
}
