//! Answers that are there at once.

use bytes::Bytes;
use larder_store_core::{Consistency, Fill, GetOptions, Got, Key, Op, Result};

use super::{answer, served};
use crate::front::LookNow;
use crate::policy::Verdict;
use crate::stack::Stack;

impl Stack {
    /// Answers a get from a front, without waiting and without a task. `None` leaves it to `get`.
    #[inline]
    pub(crate) fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        if let Err(error) = self.begin(Op::Get, &options.call) {
            return Some(Err(error.on(key)));
        }
        if key.is_system() || options.only.is_some() || options.consistency == Consistency::Origin {
            return None;
        }
        let wish = self.policy.wish(key, options.consistency);
        let table = self.cell.look();
        let hash = self.hash(&table, key);
        let lease = table.lease(table.slot_of_hash(hash));
        if let Some(front) = self.fronts.first()
            && let Some(entry) = front.look_recent(hash, key)
            && table.serves(&lease, &entry.stamp)
            && let Verdict::Serve(age) = wish.judge(&entry, &self.clocks)
            && let Ok(Some(got)) = answer(&entry, options, served(front.number, age))
        {
            front.counts.hits.add();
            return Some(Ok(got));
        }
        for front in self.fronts() {
            let LookNow::Found(entry) = front.peek(key)? else { continue };
            if !table.serves(&lease, &entry.stamp) {
                continue;
            }
            let Verdict::Serve(age) = wish.judge(&entry, &self.clocks) else { return None };
            // A range that covers nothing is left to `get`, which has the words for it.
            let got = answer(&entry, options, served(front.number, age)).ok()??;
            front.counts.hits.add();
            front.remember(hash, &entry);
            for above in self.fronts().take_while(|above| above.number < front.number) {
                above.counts.misses.add();
                if options.fill != Fill::Never {
                    above.keep_now(&entry);
                }
            }
            return Some(Ok(got));
        }
        None
    }
}
