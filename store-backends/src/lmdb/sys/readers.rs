//! Read transactions, kept reset between reads: a reset one holds no page, and renewing it costs no system call.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_queue::ArrayQueue;
use lmdb_sys as ffi;

use super::env::{Code, EnvHandle};
use super::mapping::Mapping;

/// The most read transactions of one environment in one process: as many threads can read at once.
const MOST: usize = 64;

/// A read transaction: renewed while it is leased, reset else.
#[derive(Debug)]
pub(crate) struct ReadTxn {
    txn: NonNull<ffi::MDB_txn>,
    // Dropped after the transaction, so that no environment is closed under one.
    env: Arc<EnvHandle>,
    /// What the reader knows about its last snapshot, for the code that reads.
    pub(crate) memo: Memo,
}

/// What a reader remembers.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// The mapping that it reads from.
    pub(crate) mapping: Option<Arc<Mapping>>,
    /// The last snapshot that it read.
    pub(crate) meta: crate::lmdb::tree::Meta,
}

// SAFETY: with NO_TLS a transaction is tied to no thread, and only its owner uses it.
unsafe impl Send for ReadTxn {}

impl ReadTxn {
    fn new(env: Arc<EnvHandle>) -> Result<ReadTxn, Code> {
        let mut txn = std::ptr::null_mut();
        // SAFETY: the environment is open while `env` lives; on success LMDB stores a transaction.
        let code = unsafe { ffi::mdb_txn_begin(env.raw(), std::ptr::null_mut(), ffi::MDB_RDONLY, &mut txn) };
        if code != 0 {
            return Err(Code::from_err_code(code));
        }
        let txn = NonNull::new(txn).ok_or(Code::BadTxn)?;
        // SAFETY: a reading transaction that was just begun.
        unsafe { ffi::mdb_txn_reset(txn.as_ptr()) };
        Ok(ReadTxn { txn, env, memo: Memo::default() })
    }

    /// Takes the newest snapshot; its number.
    #[inline]
    fn renew(&mut self) -> Result<u64, Code> {
        // SAFETY: the transaction is reset, and `&mut self` says that nobody else uses it.
        match unsafe { ffi::mdb_txn_renew(self.txn.as_ptr()) } {
            // SAFETY: it is active now.
            0 => Ok(unsafe { ffi::mdb_txn_id(self.txn.as_ptr()) as u64 }),
            code => Err(Code::from_err_code(code)),
        }
    }

    #[inline]
    fn reset(&mut self) {
        // SAFETY: the transaction exists, and resetting one that is reset does nothing.
        unsafe { ffi::mdb_txn_reset(self.txn.as_ptr()) };
    }
}

impl Drop for ReadTxn {
    fn drop(&mut self) {
        // In the child of a fork it is the parent's entry in the table that this would free.
        if self.env.is_ours() {
            // SAFETY: dropped once, and not used again; the environment is still open.
            unsafe { ffi::mdb_txn_abort(self.txn.as_ptr()) };
        }
    }
}

/// The read transactions of an environment. None is made after it was closed.
#[derive(Debug)]
pub(crate) struct Readers {
    idle: ArrayQueue<Box<ReadTxn>>,
    home: Mutex<Home>,
}

#[derive(Debug)]
struct Home {
    env: Option<Arc<EnvHandle>>,
    made: usize,
}

impl Readers {
    pub(super) fn new(env: Arc<EnvHandle>) -> Readers {
        Readers { idle: ArrayQueue::new(MOST), home: Mutex::new(Home { env: Some(env), made: 0 }) }
    }

    fn home(&self) -> MutexGuard<'_, Home> {
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reset transaction to read with, if one is idle. Never waits.
    #[inline]
    pub(crate) fn try_lease(&self) -> Option<Lease<'_>> {
        let txn = self.idle.pop()?;
        Some(Lease { txn: Some(txn), is_active: false, readers: self })
    }

    /// One that is idle, or a new one. `None` if as many as there may be are in use: they will be back soon. Waits
    /// while the map grows.
    ///
    /// # Errors
    /// What LMDB says when it makes one; [`Code::Panic`] once the environment was closed.
    pub(crate) fn lease(&self) -> Result<Option<Lease<'_>>, Code> {
        if let Some(lease) = self.try_lease() {
            return Ok(Some(lease));
        }
        let mut home = self.home();
        if let Some(lease) = self.try_lease() {
            return Ok(Some(lease));
        }
        let Some(env) = &home.env else { return Err(Code::Panic) };
        if home.made == MOST {
            return Ok(None);
        }
        let txn = ReadTxn::new(env.clone())?;
        home.made += 1;
        Ok(Some(Lease { txn: Some(Box::new(txn)), is_active: false, readers: self }))
    }

    /// Takes all transactions, so that nobody reads until they are given back. Waits for those in use: reads are
    /// short.
    pub(crate) fn exclusive(&self) -> Exclusive<'_> {
        let home = self.home();
        let mut txns = Vec::with_capacity(home.made);
        while txns.len() < home.made {
            match self.idle.pop() {
                Some(txn) => txns.push(txn),
                None => std::thread::yield_now(),
            }
        }
        Exclusive { txns, home, readers: self }
    }
}

/// All read transactions of an environment. Dropped, it gives them back.
#[derive(Debug)]
pub(crate) struct Exclusive<'a> {
    #[allow(clippy::vec_box, reason = "as they go back into the queue")]
    txns: Vec<Box<ReadTxn>>,
    home: MutexGuard<'a, Home>,
    readers: &'a Readers,
}

impl Exclusive<'_> {
    /// Whether these are the transactions of this environment.
    pub(super) fn is_of(&self, env: &Arc<EnvHandle>) -> bool {
        self.home.env.as_ref().is_some_and(|ours| Arc::ptr_eq(ours, env))
    }

    /// Ends all of them, for good.
    pub(crate) fn close(mut self) {
        self.txns.clear();
        self.home.made = 0;
        self.home.env = None;
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        for txn in self.txns.drain(..) {
            // There is room for as many as were made.
            let _ = self.readers.idle.push(txn);
        }
    }
}

/// A read transaction in use. Dropped, it lets go of its snapshot and is idle again.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    txn: Option<Box<ReadTxn>>,
    is_active: bool,
    readers: &'a Readers,
}

impl Lease<'_> {
    /// Takes the newest snapshot, in place of the one it has; its number.
    ///
    /// # Errors
    /// [`Code::MapResized`] if another process grew the file past what is mapped here.
    #[inline]
    pub(crate) fn renew(&mut self) -> Result<u64, Code> {
        self.reset();
        let Some(txn) = &mut self.txn else { return Err(Code::BadTxn) };
        let number = txn.renew()?;
        self.is_active = true;
        Ok(number)
    }

    #[inline]
    fn reset(&mut self) {
        if let (true, Some(txn)) = (self.is_active, &mut self.txn) {
            txn.reset();
            self.is_active = false;
        }
    }
}

impl Deref for Lease<'_> {
    type Target = Memo;
    fn deref(&self) -> &Memo {
        // It is there until the lease is dropped.
        match &self.txn {
            Some(txn) => &txn.memo,
            None => unreachable!("a lease has its transaction until it is dropped"),
        }
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Memo {
        match &mut self.txn {
            Some(txn) => &mut txn.memo,
            None => unreachable!("a lease has its transaction until it is dropped"),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.reset();
        if let Some(txn) = self.txn.take() {
            let _ = self.readers.idle.push(txn);
        }
    }
}
