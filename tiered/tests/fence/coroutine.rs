//! Clients as coroutines: each stops before every step, wherever in the shipped code that is.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

type Client = Coroutine<(), (), ()>;

thread_local! {
    static CURRENT: Cell<Option<*const Yielder<(), ()>>> = const { Cell::new(None) };
    static DYING: Cell<bool> = const { Cell::new(false) };
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Stops until the scheduler goes on with this client. Outside of clients, and in one that is dying, it does nothing.
pub(crate) fn step() {
    if DYING.get() {
        return;
    }
    if let Some(yielder) = CURRENT.get() {
        // SAFETY: it is set by the body of the running coroutine, which holds the yielder as long as it runs, and is set
        // anew whenever a coroutine goes on.
        unsafe { &*yielder }.suspend(());
        CURRENT.set(Some(yielder));
    }
}

/// Whether the code that runs belongs to a client that was killed, and only takes its stack down.
pub(crate) fn is_dying() -> bool {
    DYING.get()
}

/// A client.
pub(crate) struct Task(Option<Client>);

impl Task {
    /// One that does `work` when it is resumed.
    pub(crate) fn new(work: impl FnOnce() + 'static) -> Task {
        let stack = STACKS.with_borrow_mut(Vec::pop);
        let stack = stack.unwrap_or_else(|| DefaultStack::new(128 * 1024).expect("memory for a stack"));
        Task(Some(Coroutine::with_stack(stack, move |yielder, ()| {
            CURRENT.set(Some(yielder));
            work();
        })))
    }

    /// Goes on to the next step; whether it is at its end.
    pub(crate) fn resume(&mut self) -> bool {
        let Some(task) = &mut self.0 else { return true };
        let ended = matches!(task.resume(()), CoroutineResult::Return(()));
        CURRENT.set(None);
        if ended {
            self.put_stack_back();
        }
        ended
    }

    /// It never goes on.
    pub(crate) fn kill(&mut self) {
        if let Some(task) = &mut self.0 {
            DYING.set(true);
            task.force_unwind();
            DYING.set(false);
            self.put_stack_back();
        }
    }

    fn put_stack_back(&mut self) {
        if let Some(task) = self.0.take() {
            STACKS.with_borrow_mut(|stacks| stacks.push(task.into_stack()));
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.kill();
    }
}
