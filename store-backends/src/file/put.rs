//! Writing values.

use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::record::{Head, Sealer};
use larder_store_core::{
    Attributes, Call, Durability, Error, ErrorKind, Key, Op, Precondition, PutOptions, Result, Version,
    WriteId, Written,
};
use rustix::io::Errno;

use super::config::Layout;
use super::durable::Parent;
use super::error::{failed, folder_gone, internal, no_file};
use super::handle::Handle;
use super::job::{Cx, Job, carry_out};
use super::path::KeyPath;
use super::raw::Tag;
use super::read::current;
use super::root::Root;
use super::temp::Temp;

/// How often a folder is made anew that deletes remove before the value is in it.
const TRIES: usize = 100;

/// A put under way.
pub(super) struct Put {
    pub(super) key: Key,
    pub(super) path: KeyPath,
    pub(super) pre: Precondition,
    /// What is put in front of the value; its length is set when that is known.
    pub(super) head: Head,
    /// `None` once it is written.
    pub(super) content: Option<Content>,
    /// Whether what is there must be compared with the condition before anything is written.
    pub(super) checked: bool,
    /// The file, once it is written and lasts, and the folder that it goes to.
    pub(super) ready: Option<(Temp, Parent)>,
}

/// What is to be written.
pub(super) enum Content {
    /// All of it at hand.
    Whole(Bytes),
    /// Already in a file, but for its end.
    Upload(Box<super::upload::Upload>),
}

/// Writes a value that is at hand.
pub(super) async fn put(
    handle: &Arc<Handle>,
    root: Arc<Root>,
    op: Op,
    key: &Key,
    value: Bytes,
    options: &PutOptions,
) -> Result<Written> {
    let mut put = Put::new(handle, op, key, options)?;
    put.head.raw_len = value.len() as u64;
    put.content = Some(Content::Whole(value));
    put.run(handle, root, op, &options.call).await
}

impl Put {
    pub(super) fn new(handle: &Handle, op: Op, key: &Key, options: &PutOptions) -> Result<Put> {
        handle.check_sound(op)?;
        let path = handle.path_of(op, key)?;
        let write_id = options.write_id.unwrap_or_else(|| WriteId::random(&handle.env));
        let mut head = Head::new(key.clone(), write_id, handle.env.wall());
        head.expires = options.expires;
        head.attributes = match handle.layout_of(key) {
            Layout::Record => options.attributes.clone(),
            Layout::Raw => Attributes::new(),
        };
        Ok(Put {
            key: key.clone(),
            path,
            pre: options.pre.clone(),
            head,
            content: None,
            checked: false,
            ready: None,
        })
    }

    pub(super) async fn run(
        self,
        handle: &Arc<Handle>,
        root: Arc<Root>,
        op: Op,
        call: &Call,
    ) -> Result<Written> {
        let turn = root.locks.turn(&self.key);
        let job = handle.park(self);
        carry_out(handle, root, op, call, turn, job).await
    }

    /// Compares what is there with the condition, and takes over the chain of its predecessors.
    pub(super) fn check(&mut self, handle: &Handle, root: &Root, op: Op) -> Result<()> {
        if self.pre == Precondition::Any {
            return Ok(());
        }
        let version = current(handle, root, op, &self.key, &self.path)?;
        self.head.predecessors = self.pre.check(op, version.as_ref())?;
        Ok(())
    }
}

impl Job for Put {
    type Done = Written;
    type Made = (Parent, Version);

    fn prepare(&mut self, cx: &Cx) -> Result<()> {
        let Some(content) = self.content.take() else { return Ok(()) };
        // Before anything is written: a condition that fails costs a read.
        if !self.checked {
            self.check(&cx.handle, &cx.root, cx.op)?;
        }
        let temp = match content {
            Content::Whole(value) => self.write_whole(cx, &value)?,
            Content::Upload(upload) => upload.end(cx, &mut self.head)?,
        };
        if cx.handle.syncs() {
            cx.check_wanted()?;
            temp.sync().map_err(|e| {
                let error = failed(cx.op, e, "making the bytes of the value last");
                error.hint("nothing was stored, what was there before still is; see the kernel's log")
            })?;
        }
        let parent = self.parent(cx)?;
        self.ready = Some((temp, parent));
        Ok(())
    }

    fn commit(&mut self, cx: &Cx) -> Result<(Parent, Version)> {
        let op = cx.op;
        let chain = self.head.predecessors.clone();
        self.check(&cx.handle, &cx.root, op)?;
        // They are in the file already, and are those of the one version that the condition names.
        if self.head.predecessors != chain {
            return Err(internal(op, "one version with two chains of predecessors"));
        }
        let (temp, parent) = self.ready.take().ok_or_else(|| internal(op, "nothing was written"))?;
        cx.pass()?;
        self.name(cx, temp, parent)
    }

    fn settle(&mut self, cx: &Cx, (parent, version): (Parent, Version)) -> Result<Written> {
        if cx.handle.syncs() {
            let synced = cx.root.sync_folder(parent.fd(&cx.root));
            synced.map_err(|e| cx.handle.lost_faith(&cx.root, cx.op, e))?;
        }
        let written = Written::new(version, self.head.write_id, durability(cx.handle.syncs()));
        Ok(match cx.handle.layout_of(&self.key) {
            Layout::Record => {
                let stored = self.head.encode()?.len() as u64 + self.head.body_len();
                written.with_facts(self.head.modified, Some(stored))
            }
            // Whoever has the folder may have touched it since.
            Layout::Raw => written,
        })
    }
}

impl Put {
    fn write_whole(&mut self, cx: &Cx, value: &Bytes) -> Result<Temp> {
        let fails = |e| failed(cx.op, e, "writing the value");
        let temp = Temp::create(&cx.root, &cx.handle.env).map_err(fails)?;
        match cx.handle.layout_of(&self.key) {
            Layout::Raw => temp.write(0, &[value]),
            Layout::Record => {
                let head = self.head.encode()?;
                let mut sealer = Sealer::new(self.head.binding());
                sealer.push(value);
                let (_, index) = sealer.finish();
                temp.write(0, &[&head, value, &index])
            }
        }
        .map_err(fails)?;
        Ok(temp)
    }

    /// The folder of the file, made where it is missing.
    fn parent(&self, cx: &Cx) -> Result<Parent> {
        cx.root
            .make_parent(self.path.parent(), cx.handle.syncs())
            .map_err(|e| failed(cx.op, e, "making the folder of the value"))
    }

    /// Gives the file its name: the folder that must be synced for it to last, and the version that now stands.
    fn name(&self, cx: &Cx, mut temp: Temp, mut parent: Parent) -> Result<(Parent, Version)> {
        let raw = cx.handle.layout_of(&self.key) == Layout::Raw;
        // The rename changes what the tag of a raw file is made of: it is asked afterwards, of the same file.
        let open = raw.then(|| temp.share()).transpose();
        let open = open.map_err(|e| failed(cx.op, e, "keeping the file open"))?;
        let mut tries = 0;
        loop {
            match temp.rename(parent.fd(&cx.root), self.path.name()) {
                Ok(()) => break,
                // A delete found the folder empty and removed it.
                Err((back, Errno::NOENT)) if tries < TRIES && back.exists() => {
                    tries += 1;
                    temp = back;
                    parent = self.parent(cx)?;
                }
                Err((_, Errno::NOENT)) if cx.root.is_gone() => return Err(folder_gone(cx.op)),
                Err((_, Errno::NOENT)) => {
                    let why = "the temporary file was removed while it was written";
                    return Err(Error::new(ErrorKind::Unavailable, cx.op, why)
                        .hint("nothing was stored; leave .larder/tmp to Larder's own sweep"));
                }
                Err((_, Errno::ISDIR | Errno::NOTDIR)) => return Err(no_file(cx.op)),
                Err((_, e)) => return Err(failed(cx.op, e, "putting the value in place")),
            }
        }
        let version = match open {
            None => self.head.version(),
            Some(file) => Tag::of(cx.op, &file)?.version(),
        };
        Ok((parent, version))
    }
}

/// How long what was written lasts.
pub(super) fn durability(syncs: bool) -> Durability {
    if syncs { Durability::Durable } else { Durability::Host }
}
