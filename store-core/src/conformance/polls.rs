//! Futures that are dropped after so many polls.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Polls `future` at most `polls` times, each time that it asks to be, and drops it. Gives what it gave.
pub(crate) async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    // Boxed, so that it is dropped here and not when its caller is done.
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_so_many() {
        let three = || async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(polled(three(), 0).await, None);
        assert_eq!(polled(three(), 2).await, None);
        assert_eq!(polled(three(), 3).await, Some(7));
    }
}
