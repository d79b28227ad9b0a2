//! Through all objects: each pack's trees of deltas depth first, each entry inflated once, on several threads.
//!
//! A stack instead of recursion. The heaviest child comes last and takes its parent's place, so that of a tree of n entries at
//! most O(log n) are held at once, and of a chain one.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use gix::objs::Kind as ObjectKind;
use gix::oid;

use super::buffer::{Buffer, Pool};
use super::delta::{Delta, NO_FIT};
use super::forest::Role;
use super::inflate::{Inflater, Stream, check_adler};
use super::loose::{self, Content};
use super::pack::Stored;
use super::plan::{self, Plan};
use super::read::Reader;
use super::{Number, STREAM_FROM, Store, tree_log};
use crate::blob::Skipped;

/// Roots, or loose objects, that a thread takes at once.
const CHUNK: usize = 64;

/// An object that is visited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) id: &'a oid,
    /// Its number.
    pub(super) number: Number,
    /// Number of the pack, or of packs if it is loose.
    pub(super) pack: u32,
    pub(super) kind: ObjectKind,
    /// Whether this is the copy to look at. Others are visited for what is built on them.
    pub(super) owned: bool,
    /// Whether nothing is built on it.
    pub(super) leaf: bool,
}

/// Opens a reader of an object's content.
pub(super) type Open<'a> = &'a dyn Fn() -> Result<Box<dyn Read + 'a>, String>;

/// What becomes of an object that was looked at as a delta.
#[derive(Debug)]
pub(super) enum Look<N> {
    /// All is known. Nothing is built on it.
    Done,
    /// It was built.
    Built(N),
    /// It is to be built and shown. Nothing is built on it.
    Show,
    /// It must be looked at whole.
    Whole,
}

/// What is done with the objects. One for a thread.
pub(super) trait Visitor: Send {
    /// What must be known of an object when those that are built on it are visited.
    type Note;
    /// Whether objects of this kind are visited.
    fn wants(&self, kind: ObjectKind) -> bool;
    /// Whether to pass over an object because of its size, without inflating it.
    fn declines(&mut self, entry: Entry<'_>, size: u64) -> bool;
    /// An object, whole.
    fn whole(&mut self, entry: Entry<'_>, bytes: &[u8]) -> Self::Note;
    /// An object that [`Look::Show`] asked for.
    fn show(&mut self, entry: Entry<'_>, bytes: &[u8]);
    /// An object as a delta that fits its base in size. It can be built to `out`.
    fn delta(
        &mut self,
        entry: Entry<'_>,
        base: &Buffer,
        note: &Self::Note,
        delta: &Delta<'_>,
        out: &mut Buffer,
    ) -> Result<Look<Self::Note>, &'static str>;
    /// A blob too large to be held.
    fn huge(&mut self, entry: Entry<'_>, size: u64, open: Open<'_>) -> Result<(), String>;
    /// An object that cannot be read.
    fn lost(&mut self, problem: Skipped);
    /// Bytes were inflated.
    fn inflated(&mut self, bytes: usize);
    /// Some work is done: a time to report progress. Whether to go on.
    fn pause(&mut self) -> bool;
}

/// Visit every object. Gives the visitors back.
pub(super) fn walk<V: Visitor>(store: &Store, threads: usize, visitor: impl Fn() -> V + Sync) -> Vec<V> {
    let threads = threads.max(1);
    let plans: Vec<Plan<'_>> = (0..store.packs.len()).map(|n| Plan::new(store, n, threads)).collect();
    let (roots, heavy) = plan::roots(&plans, &visitor());
    let loose = &store.owners().loose[..];
    let (next_root, next_loose) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut walker = Walker::new(store, visitor());
        loop {
            let step = if next_root.load(Ordering::Relaxed) < heavy { 1 } else { CHUNK };
            let from = next_root.fetch_add(step, Ordering::Relaxed);
            if from >= roots.len() {
                break;
            }
            let some = &roots[from..roots.len().min(from + step)];
            plan::touch_ids(&plans, some);
            for &(plan, root) in some {
                walker.tree(&plans[plan as usize], root);
            }
            if !walker.go_on() {
                return walker.visitor;
            }
        }
        loop {
            let from = next_loose.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= loose.len() || !walker.go_on() {
                walker.visitor.pause();
                return walker.visitor;
            }
            let first = store.firsts[plans.len()] + from as Number;
            for (id, number) in loose[from..].iter().take(CHUNK).zip(first..) {
                walker.loose(id, number);
            }
        }
    };
    if threads == 1 {
        return vec![work()];
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    })
}

/// An entry whose children are being visited.
struct Frame<N> {
    entry: u32,
    /// How many children are done.
    next: usize,
    /// `None` where it is lost too.
    kind: Option<ObjectKind>,
    /// Its content; `None` if it is lost.
    built: Option<(Buffer, N)>,
}

/// Look at a delta, and build it to `out` if that is wanted. Gives the note unless nothing is built on it.
fn look<V: Visitor>(
    visitor: &mut V,
    entry: Entry<'_>,
    base: &Buffer,
    note: &V::Note,
    delta: &Delta<'_>,
    out: &mut Buffer,
) -> Result<Option<V::Note>, &'static str> {
    match visitor.delta(entry, base, note, delta, out)? {
        Look::Done => Ok(None),
        Look::Built(note) => Ok(Some(note)),
        Look::Show => {
            delta.apply(base, out)?;
            visitor.show(entry, out.bytes());
            Ok(None)
        }
        Look::Whole => {
            delta.apply(base, out)?;
            Ok(Some(visitor.whole(entry, out.bytes())))
        }
    }
}

struct Walker<'s, V: Visitor> {
    store: &'s Store,
    visitor: V,
    inflater: Inflater,
    pool: Pool,
    delta: Buffer,
    reader: Option<Reader>,
    stack: Vec<Frame<V::Note>>,
    stopped: bool,
    steps: u32,
}

impl<'s, V: Visitor> Walker<'s, V> {
    fn new(store: &'s Store, visitor: V) -> Self {
        Self {
            store,
            visitor,
            inflater: Inflater::new(),
            pool: Pool::default(),
            delta: Buffer::default(),
            reader: None,
            stack: Vec::new(),
            stopped: false,
            steps: 0,
        }
    }

    fn go_on(&mut self) -> bool {
        self.stopped = self.stopped || !self.visitor.pause();
        !self.stopped
    }

    /// Visit a root and all that is built on it.
    fn tree(&mut self, plan: &Plan<'s>, root: u32) {
        if let Some(frame) = self.root(plan, root) {
            self.stack.push(frame);
        }
        let mut stack = std::mem::take(&mut self.stack);
        while let Some(top) = stack.last_mut() {
            let children = plan.forest.children(top.entry);
            let Some(&child) = children.get(top.next) else {
                self.free(stack.pop());
                continue;
            };
            top.next += 1;
            if !plan.needs(child) {
                continue;
            }
            let frame = match &top.built {
                Some((base, note)) => {
                    let kind = top.kind.expect("what is built has a kind");
                    match self.child(plan, child, kind, base, note) {
                        Ok(built) => {
                            built.map(|b| Frame { entry: child, next: 0, kind: Some(kind), built: Some(b) })
                        }
                        Err(why) => self.recover(plan, child, top.kind, why),
                    }
                }
                None => self.recover(plan, child, top.kind, "its delta base is lost".into()),
            };
            if top.next == children.len() {
                self.free(stack.pop());
            }
            stack.extend(frame);
            self.steps += 1;
            if self.steps.is_multiple_of(1024) && !self.go_on() {
                stack.drain(..).for_each(|f| self.free(Some(f)));
            }
        }
        self.stack = stack;
    }

    fn free(&mut self, frame: Option<Frame<V::Note>>) {
        if let Some((buffer, _)) = frame.and_then(|f| f.built) {
            self.pool.give(buffer);
        }
    }

    fn root(&mut self, plan: &Plan<'s>, root: u32) -> Option<Frame<V::Note>> {
        if self.stopped {
            return None;
        }
        match plan.forest.role(root) {
            Role::Whole(kind) => match self.whole_root(plan, root, kind) {
                Ok(built) => built.map(|b| Frame { entry: root, next: 0, kind: Some(kind), built: Some(b) }),
                Err(why) => self.recover(plan, root, Some(kind), why),
            },
            Role::Stray => match self.stray(plan, root) {
                Ok(frame) => frame,
                Err(why) => self.recover(plan, root, None, why),
            },
            Role::Child => None,
            Role::Circle => self.recover(plan, root, None, "its deltas form a circle".into()),
            Role::Broken => {
                let why = match plan.pack.header(plan.forest.offset(root)) {
                    Ok(_) => "its delta base is missing",
                    Err(why) => why,
                };
                self.recover(plan, root, None, why.into())
            }
        }
    }

    /// A root that is stored whole: its content and the visitor's note, if something is built on it.
    fn whole_root(
        &mut self,
        plan: &Plan<'s>,
        root: u32,
        kind: ObjectKind,
    ) -> Result<Option<(Buffer, V::Note)>, String> {
        let entry = plan.entry(self.store, root, kind);
        let size = plan.forest.size(root);
        let data = plan.forest.data(plan.pack, root);
        if entry.leaf {
            if self.visitor.declines(entry, size) {
                return Ok(None);
            }
            if kind == ObjectKind::Blob && size > STREAM_FROM {
                self.visitor.huge(entry, size, &|| Ok(Box::new(Stream::new(data))))?;
                self.visitor.inflated(size as usize);
                return Ok(None);
            }
        }
        let mut buffer = self.pool.take();
        let inflated = self.inflater.inflate(data, size, &mut buffer);
        let sound = inflated.and_then(|()| check_adler(plan.forest.stream(plan.pack, root), buffer.bytes()));
        if let Err(why) = sound {
            self.pool.give(buffer);
            return Err(why.into());
        }
        self.visitor.inflated(size as usize);
        let note = self.visitor.whole(entry, buffer.bytes());
        if entry.leaf {
            self.pool.give(buffer);
            return Ok(None);
        }
        Ok(Some((buffer, note)))
    }

    /// A delta. Gives its content if something is built on it.
    fn child(
        &mut self,
        plan: &Plan<'s>,
        child: u32,
        kind: ObjectKind,
        base: &Buffer,
        note: &V::Note,
    ) -> Result<Option<(Buffer, V::Note)>, String> {
        let entry = plan.entry(self.store, child, kind);
        let size = plan.forest.size(child);
        self.inflater.inflate(plan.forest.data(plan.pack, child), size, &mut self.delta)?;
        check_adler(plan.forest.stream(plan.pack, child), self.delta.bytes())?;
        self.visitor.inflated(size as usize);
        let delta = Delta::parse(&self.delta)?;
        if delta.base_size != base.bytes().len() as u64 {
            return Err(NO_FIT.into());
        }
        let mut buffer = self.pool.take();
        let note = match look(&mut self.visitor, entry, base, note, &delta, &mut buffer) {
            Ok(Some(note)) if !entry.leaf => note,
            done => {
                self.pool.give(buffer);
                return Ok(done.map(|_| None)?);
            }
        };
        Ok(Some((buffer, note)))
    }

    /// A delta whose base is not in its pack.
    fn stray(&mut self, plan: &Plan<'s>, root: u32) -> Result<Option<Frame<V::Note>>, String> {
        let Stored::IdDelta(base) = plan.pack.header(plan.forest.offset(root))?.stored else {
            return Err("its delta base is missing".into());
        };
        let reader = self.reader.get_or_insert_with(Reader::new);
        let Some((kind, content)) = self.store.read_except(Some(plan.number), base, reader)? else {
            return Err(format!("its delta base {base} is missing"));
        };
        if !self.visitor.wants(kind) {
            return Ok(None);
        }
        let (number, pack) = (self.store.number(base).unwrap_or(tree_log::NONE), plan.number as u32);
        let base = Entry { id: base, number, pack, kind, owned: false, leaf: false };
        let note = self.visitor.whole(base, content.bytes());
        let built = self.child(plan, root, kind, &content, &note)?;
        Ok(built.map(|b| Frame { entry: root, next: 0, kind: Some(kind), built: Some(b) }))
    }

    /// An entry that cannot be read here: take another copy of the object, or report it.
    fn recover(
        &mut self,
        plan: &Plan<'s>,
        entry: u32,
        kind: Option<ObjectKind>,
        why: String,
    ) -> Option<Frame<V::Note>> {
        let visited = plan.entry(self.store, entry, kind.unwrap_or(ObjectKind::Blob));
        // The tables know entries that the index names; a base that it does not name can still be read.
        let except = (plan.forest.role(entry) != Role::Broken).then_some(plan.number);
        let reader = self.reader.get_or_insert_with(Reader::new);
        let frame = |kind, built| Frame { entry, next: 0, kind, built };
        if let Ok(Some((kind, content))) = self.store.read_except(except, visited.id, reader) {
            if !self.visitor.wants(kind) {
                return None;
            }
            let note = self.visitor.whole(Entry { kind, ..visited }, content.bytes());
            return (!visited.leaf).then(|| frame(Some(kind), Some((content, note))));
        }
        if visited.owned {
            self.visitor.lost(Skipped::object(visited.id, why));
        }
        (!visited.leaf).then(|| frame(kind, None))
    }

    /// Visit a loose object.
    fn loose(&mut self, id: &oid, number: Number) {
        let mut reason = None;
        for path in self.store.loose.paths(id) {
            match self.loose_file(id, number, &path) {
                Ok(()) => return,
                Err(why) => reason = reason.or(Some(why)),
            }
        }
        self.visitor.lost(Skipped::object(id, reason.unwrap_or_else(|| "it is gone".into())));
    }

    fn loose_file(&mut self, id: &oid, number: Number, path: &std::path::Path) -> Result<(), String> {
        let mut buffer = self.pool.take();
        let pack = self.store.packs.len() as u32;
        let entry = |kind| Entry { id, number, pack, kind, owned: true, leaf: true };
        match loose::read(path, &mut self.inflater, &mut buffer)? {
            Content::Whole { kind, header } => {
                let bytes = &buffer.bytes()[header..];
                if self.visitor.wants(kind) && !self.visitor.declines(entry(kind), bytes.len() as u64) {
                    self.visitor.inflated(bytes.len());
                    self.visitor.whole(entry(kind), bytes);
                }
            }
            Content::Huge { kind, size } => {
                if !self.visitor.wants(kind) || self.visitor.declines(entry(kind), size) {
                } else if kind == ObjectKind::Blob {
                    self.visitor.huge(entry(kind), size, &|| loose::open_huge(path))?;
                    self.visitor.inflated(size as usize);
                } else {
                    let reader = self.reader.get_or_insert_with(Reader::new);
                    let (kind, content) = super::read::read_loose(path, reader)?;
                    self.visitor.inflated(content.bytes().len());
                    self.visitor.whole(entry(kind), content.bytes());
                }
            }
        }
        self.pool.give(buffer);
        Ok(())
    }
}
