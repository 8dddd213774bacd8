//! Ports for programs that must be told one.
//!
//! Whoever finds a free port by binding one and lets it go may see another program take it before its own does, and take that
//! one's answers for its own's. These are held by a lock, for every test of this machine, and lie below those that the
//! system gives to whoever asks for any.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Failure;

/// The first of them.
const FIRST: u16 = 11_000;
/// How many there are: at 10,000 more Redis nodes talk among themselves.
const COUNT: u16 = 10_000;
/// What Redis adds to a node's port for the nodes' own talk.
const BUS: u16 = 10_000;

/// A port of 127.0.0.1 that no other test of this machine is given while this is held.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Let go with the process at the latest.
    _lock: File,
}

impl Port {
    /// Takes one that nobody listens on, nor on the one of Redis's bus.
    ///
    /// # Errors
    /// If all are taken, or the folder of the locks cannot be written.
    pub fn take() -> Result<Port, Failure> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let user = rustix::process::getuid().as_raw();
        let folder = std::env::temp_dir().join(format!("larder-test-ports-{user}"));
        std::fs::create_dir_all(&folder)?;
        // Each process begins elsewhere.
        let begin = std::process::id().wrapping_mul(7919).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        for step in 0..u32::from(COUNT) {
            let number = FIRST + (begin.wrapping_add(step) % u32::from(COUNT)) as u16;
            let lock = File::create(folder.join(number.to_string()))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
            if free(number) && free(number + BUS) {
                return Ok(Port { number, _lock: lock });
            }
        }
        Err(format!("each port from {FIRST} on is taken").into())
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_given_once() {
        let ports: Vec<_> = (0..50).map(|_| Port::take().unwrap()).collect();
        let mut numbers: Vec<_> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len());
    }
}
