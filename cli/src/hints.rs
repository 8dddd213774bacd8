//! What the library advises, in the words of the command: its options and subcommands by their names.

use larder::Error;

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Going {
    pub(crate) job: Job,
    /// Whether the same command goes on where it was stopped.
    pub(crate) resumes: bool,
    /// Whether it reads or writes a standard stream.
    pub(crate) streams: bool,
}

/// What kind of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Export,
    /// Import and copy.
    Write,
    Compare,
}

const FROM_THERE: &str = "run the same command again: it goes on where it stopped";
const ANEW: &str = "run the same command again: it begins anew";

impl Going {
    /// What to do when it was stopped.
    pub(crate) fn how_to_go_on(self) -> &'static str {
        if self.resumes { FROM_THERE } else { ANEW }
    }
}

/// What the library says, and what to say in its place; of the jobs that are named.
const WORDS: [(&str, &[Job], &str); 17] = [
    (
        "leave such entries out, strip what does not fit, or choose another target",
        &[Job::Write],
        "--unfit leave-out leaves such entries out, --unfit strip writes them without; or choose another target",
    ),
    (
        "leave such entries out, strip what does not fit, or choose another target",
        &[Job::Export],
        "--leave-out-foreign leaves them out, and counts them",
    ),
    (
        "say what to do with such keys: skip, overwrite, or the newer one",
        &[Job::Write],
        "say what to do with such keys: --on-conflict skip, overwrite or newer",
    ),
    (
        "another version of Larder left it: finish with that one, or restart",
        &[Job::Write],
        "another version of Larder left it: finish with that one, or begin anew with --restart",
    ),
    ("restart, which begins anew", &[Job::Write], "begin anew with --restart"),
    ("bring all parts, or restart", &[Job::Write], "bring all parts, or begin anew with --restart"),
    (
        "it was not finished, or it was cut: finish the export, or ask for what there is",
        &[Job::Write],
        "it was not finished, or it was cut: run the export again, or take what there is with --incomplete",
    ),
    (
        "it was not finished, or it was cut: finish the export, or ask for what there is",
        &[Job::Compare],
        "it was not finished, or it was cut: run the export again",
    ),
    (
        "stop those who write, or export without a snapshot; the dump was left without a trailer",
        &[Job::Export],
        "stop those who write, or export without --snapshot; the dump was left without a trailer",
    ),
    (
        "finish that export, choose another name, or restart, which removes it",
        &[Job::Export],
        "finish that export, choose another name, or remove it with --restart",
    ),
    ("restart, which removes them", &[Job::Export], "--restart removes them, and begins anew"),
    (
        "choose another name, or have it replaced",
        &[Job::Export],
        "choose another name, or replace it with --replace",
    ),
    ("larger parts", &[Job::Export], "larger parts: --split"),
    (
        "remove it, choose another name, or do not split",
        &[Job::Export],
        "remove it, choose another name, or --split 0",
    ),
    (
        "remove them, choose another name, or split",
        &[Job::Export],
        "remove them, choose another name, or --split",
    ),
    (
        "name another store, or select entries among which the dump is not",
        &[Job::Export],
        "name another store, or select with --prefix or --not such that the dump is not among them",
    ),
    (
        "finish it with its own, or restart",
        &[Job::Write],
        "finish it with its own, or begin anew with --restart",
    ),
];

/// The same of what stores advise.
const OF_STORES: [(&str, &str); 4] = [
    ("let the store be created, or mend the path", MADE),
    ("let it be created, or mend the path", MADE),
    ("let it be created", MADE),
    ("open it the same way, or close the other handle first", "name the store in the same way both times"),
];

const MADE: &str = "mend the path; put, import and copy make a store where none is";

/// The error of a store with its advice in the command's words.
pub(crate) fn of_store(error: Error) -> Error {
    let ours = error.advice().and_then(|advice| OF_STORES.iter().find(|(theirs, _)| *theirs == advice));
    match ours {
        Some((_, ours)) => error.hint(*ours),
        None => error,
    }
}

/// The error of a job with its advice in the command's words.
pub(crate) fn named(error: Error, going: Going) -> Error {
    let Some(advice) = error.advice() else { return error };
    if advice == "run it again: it goes on where it stopped" {
        return match going.job {
            Job::Compare => error,
            _ => error.hint(going.how_to_go_on()),
        };
    }
    let ours = WORDS.iter().find(|(theirs, jobs, _)| *theirs == advice && jobs.contains(&going.job));
    match ours {
        Some((_, _, ours)) => error.hint(*ours),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that the library's sources hold, of these packages.
    fn library(packages: &[&str]) -> String {
        let mut text = String::new();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders: Vec<_> = packages.iter().map(|package| root.join(package).join("src")).collect();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false if path.extension().is_some_and(|kind| kind == "rs") => {
                        text += &std::fs::read_to_string(path).unwrap();
                    }
                    false => {}
                }
            }
        }
        text
    }

    #[test]
    fn every_advice_is_one_that_the_library_gives() {
        let library = library(&["migrate", "store-backends", "store-core"]);
        for (theirs, _) in OF_STORES {
            assert!(library.contains(&format!("\"{theirs}\"")), "{theirs}");
        }
        for (theirs, _, _) in WORDS {
            assert!(library.contains(&format!("\"{theirs}\"")), "{theirs}");
        }
        assert!(library.contains("\"run it again: it goes on where it stopped\""));
    }

    #[test]
    fn no_advice_names_what_only_code_can_do() {
        // What the library says about options of its own is said in our words.
        let library = library(&["migrate"]);
        let known = |text: &str| WORDS.iter().any(|(theirs, _, _)| *theirs == text);
        for word in ["restart", "leave such", "replaced\"", "overwrite,", "snapshot; "] {
            for line in
                library.lines().filter(|line| line.contains(word) && !line.trim_start().starts_with("//"))
            {
                let Some(text) = line.split('"').nth(1) else { continue };
                if line.contains(".hint(") || line.contains("ADVICE: &str") {
                    assert!(known(text), "{text}");
                }
            }
        }
    }
}
