//! The command line.

use std::path::PathBuf;

use crate::error::Result;
use crate::suite;

pub(crate) const HELP: &str = "\
Larder side by side with its peers.

usage: larder-bench [SUITE…] [--quick] [--json FILE] [--svg FILE] [--case FILTER] [--dir DIR] [--check]

  SUITE          hot, warm, durable, file, cloud, dump, vector; all of them if none is named
  --quick        small working sets and few rounds: a look, not a figure
  --json FILE    a line {suite, case, peer, ours, theirs, unit, ratio, spread, added, added_spread, n, limit, added_limit,
                 met} for each case
  --svg FILE     the ratios as a picture
  --case FILTER  only cases with this text in 'suite/case/peer'
  --dir DIR      where the stores are made; the folder for temporary files if not given. durable and file refuse
                 a file system in memory, where a sync costs nothing
  --check        fail if a case is above its limit

ratio is our cost over the peer's: the median of the rounds. spread is the 95 % interval of that median. added is our
cost less the peer's, likewise.
";

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) suites: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) check: bool,
    pub(crate) json: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) case: Option<String>,
    pub(crate) dir: Option<PathBuf>,
}

impl Args {
    /// Reads the arguments; `None` if help was asked for.
    pub(crate) fn parse(given: impl IntoIterator<Item = String>) -> Result<Option<Args>> {
        let mut args = Args::default();
        let mut given = given.into_iter();
        while let Some(arg) = given.next() {
            let (name, attached) = match arg.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
                _ => (arg, None),
            };
            let valueless = matches!(name.as_str(), "-h" | "--help" | "--quick" | "--check");
            if valueless && attached.is_some() {
                return Err(format!("{name} takes no value").into());
            }
            let mut value =
                || attached.clone().or_else(|| given.next()).ok_or(format!("{name} wants a value"));
            match name.as_str() {
                "-h" | "--help" => return Ok(None),
                "--quick" => args.quick = true,
                "--check" => args.check = true,
                "--json" => args.json = Some(value()?.into()),
                "--svg" => args.svg = Some(value()?.into()),
                "--case" => args.case = Some(value()?),
                "--dir" => args.dir = Some(value()?.into()),
                suite if suite::names().any(|name| name == suite) => args.suites.push(name),
                _ => {
                    let known = suite::names().collect::<Vec<_>>().join(", ");
                    return Err(
                        format!("{name:?} is neither a suite ({known}) nor an option; see --help").into()
                    );
                }
            }
        }
        Ok(Some(args))
    }

    /// Whether a suite was asked for.
    pub(crate) fn wants_suite(&self, name: &str) -> bool {
        self.suites.is_empty() || self.suites.iter().any(|suite| suite == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Args>> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn reads_what_the_help_names() {
        let args =
            parse("warm --quick --json out file --case=lmdb --dir d --svg s.svg --check").unwrap().unwrap();
        let wanted = Args {
            suites: vec!["warm".into(), "file".into()],
            quick: true,
            check: true,
            json: Some("out".into()),
            svg: Some("s.svg".into()),
            case: Some("lmdb".into()),
            dir: Some("d".into()),
        };
        assert_eq!(args, wanted);
        assert!(args.wants_suite("file") && !args.wants_suite("durable"));
        assert!(parse("").unwrap().unwrap().wants_suite("durable"));
        assert!(parse("warm --help").unwrap().is_none());
    }

    #[test]
    fn refuses_the_rest() {
        for line in ["cold", "--fast", "--json", "--quick=1", "-x"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
