//! Parts of a campaign beside each other.

use crate::Outcome;

/// Runs `one` for each of `0..n` on a thread of its own.
///
/// # Errors
/// The first that failed, in their order.
pub fn beside<T: Send>(n: u64, one: &(impl Fn(u64) -> Outcome<T> + Sync)) -> Outcome<Vec<T>> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..n).map(|job| scope.spawn(move || one(job))).collect();
        running.into_iter().map(|job| job.join().map_err(|_| "a job panicked")?).collect()
    })
}
