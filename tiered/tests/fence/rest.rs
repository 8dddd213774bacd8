//! The checks when nobody does anything any more.

use crate::schedule::Run;
use crate::world::{KEYS, WINDOW, world};

impl Run {
    /// Nobody is doing anything: what could be served must be true, whatever still lands; and in the end a quiet key is a
    /// hit.
    pub(crate) fn rest(&mut self) {
        self.check_fronts("at rest");
        loop {
            let late = world(|w| w.late.len() as u32);
            if late == 0 {
                break;
            }
            world(|w| {
                w.step += 1;
                let at = w.chooser.below(late) as usize;
                w.land(at);
            });
            self.check_fronts("after a late write");
        }
        world(|w| w.pass(WINDOW + 1));
        self.check_fronts("after the window");
        for stack in 0..2 {
            let Some(access) = self.access(stack) else { continue };
            for key in 0..KEYS {
                // Once to put the slot in order, once to fill, once to be a hit.
                let before = [0, 1, 2].map(|_| {
                    let value = access.read(key);
                    world(|w| {
                        if value != w.origin[key] {
                            let origin = w.origin[key];
                            w.fail(|| format!("at rest key {key} reads {value}, the origin has {origin}"));
                        }
                        w.origin_reads
                    })
                });
                if before[2] != before[1] {
                    world(|w| w.fail(|| format!("no progress: quiet key {key} is no hit in stack {stack}")));
                }
            }
        }
    }

    fn check_fronts(&self, when: &str) {
        for stack in 0..2 {
            let Some(access) = self.access(stack) else { continue };
            for key in 0..KEYS {
                let lease = access.table.lease(access.slot(key));
                let entries = world(|w| [w.stacks[stack].front[key], w.shared[key]]);
                for entry in entries.into_iter().flatten() {
                    let origin = world(|w| w.origin[key]);
                    if access.table.serves(&lease, &entry.stamp) && entry.value != origin {
                        let value = entry.value;
                        world(|w| {
                            w.fail(|| {
                                format!(
                                    "{when} key {key} would be served as {value}, the origin has {origin}"
                                )
                            })
                        });
                    }
                }
            }
        }
    }
}
