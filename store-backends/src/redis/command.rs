//! What is sent: commands for one slot, and scripts that the server knows by their hash or is told.

use std::sync::LazyLock;

use ::redis::{Arg, Cmd, Pipeline, Script};

/// A script, and its hash.
pub(super) static WRITE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/write.lua")));
/// Reads a part of a value.
pub(super) static RANGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/range.lua")));
/// Reads a page of a listing with a delimiter.
pub(super) static LIST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/list.lua")));

/// The texts, as [`Script`] does not give them back.
fn text(hash: &str) -> Option<&'static str> {
    let scripts = [
        (&WRITE, include_str!("scripts/write.lua")),
        (&RANGE, include_str!("scripts/range.lua")),
        (&LIST, include_str!("scripts/list.lua")),
    ];
    scripts.into_iter().find(|(script, _)| script.get_hash() == hash).map(|(_, text)| text)
}

/// A call of a script, by its hash: all that it touches is among `keys`. Room is made for arguments of so many bytes.
pub(super) fn script(script: &Script, keys: &[&[u8]], bytes: usize) -> Cmd {
    let bytes = 64 + keys.iter().map(|key| key.len()).sum::<usize>() + bytes;
    let mut cmd = Cmd::with_capacity(keys.len() + 16, bytes);
    cmd.arg("EVALSHA").arg(script.get_hash()).arg(keys.len());
    for key in keys {
        cmd.arg(*key);
    }
    cmd
}

/// The same call with the script's text, for a server that does not know the hash; `None` for another command.
pub(super) fn with_text(call: &Cmd) -> Option<Cmd> {
    let mut args = call.args_iter();
    let Some(Arg::Simple(b"EVALSHA")) = args.next() else { return None };
    let Some(Arg::Simple(hash)) = args.next() else { return None };
    let mut cmd = Cmd::new();
    cmd.arg("EVAL").arg(text(str::from_utf8(hash).ok()?)?);
    for arg in args {
        if let Arg::Simple(arg) = arg {
            cmd.arg(arg);
        }
    }
    Some(cmd)
}

/// A command of plain arguments.
pub(super) fn plain(name: &str, args: &[&[u8]]) -> Cmd {
    let mut cmd =
        Cmd::with_capacity(1 + args.len(), name.len() + args.iter().map(|arg| arg.len()).sum::<usize>());
    cmd.arg(name);
    for arg in args {
        cmd.arg(*arg);
    }
    cmd
}

/// Commands that go together.
pub(super) fn together(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let commands = commands.into_iter();
    let mut pipeline = Pipeline::with_capacity(commands.size_hint().0);
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_goes_by_its_text_where_the_hash_is_not_known() {
        for known in [&*WRITE, &*RANGE, &*LIST] {
            let mut call = script(known, &[b"k", b"\0\xff"], 2);
            call.arg(&b"\r\n"[..]);
            let told = with_text(&call).unwrap();
            let args: Vec<_> = told.args_iter().collect();
            assert_eq!(args.len(), 6);
            assert_eq!(args[0], Arg::Simple(&b"EVAL"[..]));
            let Arg::Simple(code) = args[1] else { panic!("no text") };
            assert_eq!(Script::new(str::from_utf8(code).unwrap()).get_hash(), known.get_hash());
            assert_eq!(args[2..], call.args_iter().skip(2).collect::<Vec<_>>());
        }
        assert!(with_text(&plain("GET", &[b"k"])).is_none());
    }
}
