//! What every scan must do at least: the measure for benches.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Store;
use super::buffer::Buffer;
use super::forest::Forest;
use super::inflate::Inflater;
use super::pack::Pack;

/// Where all entries of all packs are.
#[derive(Debug)]
pub struct Floor<'s> {
    packs: Vec<(&'s Pack, Forest)>,
}

impl Store {
    /// Find the entries of all packs, for the benches.
    pub fn floor(&self, threads: usize) -> Floor<'_> {
        Floor { packs: self.packs.iter().map(|pack| (pack, Forest::new(pack, threads))).collect() }
    }
}

impl Floor<'_> {
    /// Inflate every entry of every pack and do nothing else, and give the bytes that came out. The benches measure scans
    /// against it.
    pub fn inflate_all(&self, threads: usize) -> u64 {
        let total = AtomicU64::new(0);
        for (pack, forest) in &self.packs {
            let next = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..threads.max(1) {
                    scope.spawn(|| {
                        let (mut inflater, mut out) = (Inflater::new(), Buffer::default());
                        let mut sum = 0;
                        loop {
                            let from = next.fetch_add(64, Ordering::Relaxed);
                            if from >= forest.len() {
                                break;
                            }
                            for entry in from as u32..forest.len().min(from + 64) as u32 {
                                let (data, size) = (forest.data(pack, entry), forest.size(entry));
                                if inflater.inflate(data, size, &mut out).is_ok() {
                                    sum += size;
                                }
                            }
                        }
                        total.fetch_add(sum, Ordering::Relaxed);
                    });
                }
            });
        }
        total.into_inner()
    }
}
