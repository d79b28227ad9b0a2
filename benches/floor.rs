//! CPU seconds of a scan of all objects, against those of inflating every pack entry and nothing else.
//!
//! `cargo bench --bench floor -- REPO...`, each a bare repository or a `.git` folder. Linux only: it reads the CPU time of
//! the process where the kernel shows it. `-- --scan REPO...` only scans, for profiles;
//! `-- --floor REPO...` inflates once and ends.
#![allow(missing_docs, clippy::print_stdout)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use keyhound::blob::Skipped;
use keyhound::detect::Prefilter;
use keyhound::rules::RuleSet;
use keyhound::sources::history::store::{HashKind, Hot, ObjectKind, ObjectSink, ScanOptions, Store, oid};

const THREADS: usize = 2;
const RUNS: usize = 5;

/// User and system time of the process so far, in seconds; 0 where the kernel does not say.
fn cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// The smallest CPU and wall time of several runs.
fn best(mut f: impl FnMut()) -> (f64, f64) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..RUNS {
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        f();
        best = (best.0.min(cpu_seconds() - cpu), best.1.min(wall.elapsed().as_secs_f64()));
    }
    best
}

#[derive(Default)]
struct Count {
    hot: AtomicU64,
    commits: AtomicU64,
    trees: AtomicU64,
    problems: AtomicU64,
}

impl ObjectSink for Count {
    fn hot(&self, _: &oid, _: ObjectKind, _: Hot<'_>) {
        self.hot.fetch_add(1, Ordering::Relaxed);
    }
    fn hot_stream(&self, _: &oid, _: ObjectKind, _: u64, _: &mut dyn std::io::Read) {
        self.hot.fetch_add(1, Ordering::Relaxed);
    }
    fn commit(&self, _: &oid, _: &[u8]) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }
    fn tag(&self, _: &oid, _: &[u8]) {}
    fn tree(&self, _: &oid, _: &[u8]) {
        self.trees.fetch_add(1, Ordering::Relaxed);
    }
    fn lfs_pointer(&self, _: &oid, _: &[u8]) {}
    fn container(&self, _: &oid, _: u64, _: &mut dyn std::io::Read) {}
    fn problem(&self, _: Skipped) {
        self.problems.fetch_add(1, Ordering::Relaxed);
    }
    fn too_big(&self, _: &oid, _: u64) {}
    fn progress(&self, _: u64, _: u64) {}
}

fn main() {
    let prefilter = Prefilter::new(&RuleSet::embedded());
    let given = |option: &str| std::env::args_os().any(|a| a == option);
    let (scan_only, floor_only) = (given("--scan"), given("--floor"));
    let is_option = |a: &std::ffi::OsString| a == "--bench" || a == "--scan" || a == "--floor";
    let options = ScanOptions { threads: THREADS, check_hashes: false, max_blob_size: None };
    for repo in std::env::args_os().skip(1).filter(|a| !is_option(a)).map(PathBuf::from) {
        let objects = repo.join("objects");
        let open = || Store::open(&objects, HashKind::Sha1).0;
        if floor_only {
            println!("{} bytes", open().floor(THREADS).inflate_all(THREADS));
            continue;
        }
        if scan_only {
            let scan = best(|| {
                open().scan(&options, &prefilter, &Count::default());
            });
            println!("{}: scan cpu {:.2} wall {:.2}", repo.display(), scan.0, scan.1);
            continue;
        }
        let whole = best(|| {
            open().floor(THREADS).inflate_all(THREADS);
        });
        let store = open();
        let entries = store.floor(THREADS);
        let floor = best(|| {
            entries.inflate_all(THREADS);
        });
        let mut last = None;
        let scan = best(|| {
            let sink = Count::default();
            let stats = open().scan(&options, &prefilter, &sink).stats;
            last = Some((stats, sink));
        });
        let trees = best(|| {
            store.each(ObjectKind::Tree, THREADS, &|_, _| {});
        });
        println!("{}", repo.display());
        println!(
            "  floor       cpu {:.2} wall {:.2}   with opening: cpu {:.2} wall {:.2}",
            floor.0, floor.1, whole.0, whole.1
        );
        println!(
            "  scan        cpu {:.2} wall {:.2}   {:.2} of the floor, {:.2} with opening",
            scan.0,
            scan.1,
            scan.0 / floor.0,
            scan.0 / whole.0
        );
        println!("  trees alone cpu {:.2} wall {:.2}", trees.0, trees.1);
        if let Some((stats, sink)) = last {
            let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
            println!(
                "  {} objects, {} bytes, {} inflated; hot {}, commits {}, trees {}, problems {}",
                stats.objects,
                stats.bytes,
                stats.inflated,
                of(&sink.hot),
                of(&sink.commits),
                of(&sink.trees),
                of(&sink.problems)
            );
        }
    }
}
