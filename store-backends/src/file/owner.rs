//! Whose a temporary file is.

use std::sync::OnceLock;

use larder_store_core::boot::boot_id;

/// A process, as the names of its temporary files tell it: the boot it runs in, its number, and when it started, since
/// numbers come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    boot: String,
    pid: u32,
    start: u64,
}

impl Owner {
    /// This process.
    pub(super) fn this() -> &'static Owner {
        static THIS: OnceLock<Owner> = OnceLock::new();
        THIS.get_or_init(|| {
            let pid = std::process::id();
            Owner { boot: boot(), pid, start: start_of(pid).unwrap_or(0) }
        })
    }

    /// Its part of a name.
    pub(super) fn name(&self) -> String {
        format!("{}-{}-{}", self.boot, self.pid, self.start)
    }

    /// The owner that a temporary file's name tells.
    pub(super) fn of(name: &str) -> Option<Owner> {
        let mut parts = name.split('-');
        let owner = Owner {
            boot: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
        };
        Some(owner)
    }

    /// Whether the process may still run. `true` where that cannot be told.
    pub(super) fn may_live(&self) -> bool {
        if self.boot != Owner::this().boot {
            return false;
        }
        match start_of(self.pid) {
            Some(start) => self.start == 0 || start == self.start,
            // Without /proc nobody can be found there, this process included.
            None => start_of(std::process::id()).is_none(),
        }
    }
}

/// The first digits of the boot's id; "0" where it is not told.
fn boot() -> String {
    match boot_id() {
        [0, 0] => "0".to_owned(),
        [first, _] => format!("{:08x}", first >> 32),
    }
}

/// When a process started, in ticks since the boot.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything. The start is field 22.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_owner() {
        let this = Owner::this();
        let read = Owner::of(&format!("{}-0123456789abcdef", this.name())).unwrap();
        assert_eq!(&read, this);
        assert!(read.may_live());
        assert_eq!(Owner::of("something else"), None);
        assert_eq!(Owner::of(""), None);
    }

    #[test]
    fn the_dead_are_known() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let owner = Owner { boot: boot(), pid, start: start_of(pid).unwrap_or(1) };
        child.wait().unwrap();
        assert!(!owner.may_live());
        // The same number with another start is another process.
        let this = Owner::this().clone();
        assert!(!Owner { start: this.start + 1, ..this.clone() }.may_live());
        assert!(!Owner { boot: "ffffffff0".into(), ..this }.may_live());
    }
}
