//! Clients as coroutines: each stops before every step, wherever in the shipped code that is.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

type Client = Coroutine<(), (), ()>;

thread_local! {
    static CURRENT: Cell<Option<*const Yielder<(), ()>>> = const { Cell::new(None) };
    static HASTE: Cell<bool> = const { Cell::new(false) };
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Stops until the scheduler goes on with this client. Outside of clients it does nothing.
pub(crate) fn step() {
    if !HASTE.get() {
        suspend();
    }
}

/// Stops, in haste too, until another client has gone on.
pub(crate) fn wait() {
    if HASTE.get() {
        suspend();
    }
}

fn suspend() {
    if let Some(yielder) = CURRENT.get() {
        // SAFETY: it is set by the body of the running coroutine, which holds the yielder as long as it runs, and is set
        // anew whenever a coroutine goes on.
        unsafe { &*yielder }.suspend(());
        CURRENT.set(Some(yielder));
    }
}

/// In haste, clients stop only for locks: those of a schedule that has been judged, whose stacks have to be left. To
/// unwind them would cost ten times as much.
pub(crate) fn set_haste(on: bool) {
    HASTE.set(on);
}

/// Whether clients are in haste.
pub(crate) fn in_haste() -> bool {
    HASTE.get()
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
        if ended && let Some(task) = self.0.take() {
            STACKS.with_borrow_mut(|stacks| stacks.push(task.into_stack()));
        }
        ended
    }
}
