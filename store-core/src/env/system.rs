//! The real environment.
#![allow(clippy::disallowed_methods, reason = "this is where the others come to ask")]

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use super::{BoxFuture, Clock, Random, Spawn};

pub(super) struct System;

impl Clock for System {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn boot(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }
}

impl Spawn for System {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there is no unique write id, and no way on.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
