//! Speed of detection by stage, in bytes a second: the prefilter on text without and with literals, a window around one
//! pair, and the pairing of dense tables. Run with `cargo bench --bench detect`.

use std::sync::Arc;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use keyhound::detect::Detector;
use keyhound::rules::RuleSet;

fn main() {
    divan::main();
}

fn detector() -> Detector {
    Detector::new(Arc::new(RuleSet::embedded()))
}

/// A small generator of random values.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn text(&mut self, alphabet: &[u8], len: usize) -> String {
        (0..len).map(|_| char::from(alphabet[self.next() as usize % alphabet.len()])).collect()
    }

    fn id(&mut self) -> String {
        format!("AKIAQ{}", self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 15))
    }

    fn secret(&mut self) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 40)
    }
}

/// Source code without a literal.
fn prose(len: usize) -> Vec<u8> {
    let line = "    let region = config.region().unwrap_or(\"eu-west-1\"); // nothing to see here\n";
    line.bytes().cycle().take(len).collect()
}

/// Names of secrets everywhere, values nowhere: SDK code.
fn sdk(len: usize) -> Vec<u8> {
    let line = "    this.secretAccessKey = options.secretAccessKey || process.env.AWS_SECRET_ACCESS_KEY;\n";
    line.bytes().cycle().take(len).collect()
}

#[divan::bench(args = [1 << 12, 1 << 20])]
fn prefilter_no_literal(bencher: Bencher<'_, '_>, len: usize) {
    let (d, text) = (detector(), prose(len));
    bencher.counter(BytesCount::new(len)).bench_local(|| d.prefilter().is_hot(black_box(&text)));
}

#[divan::bench(args = [1 << 12, 1 << 20])]
fn prefilter_names_without_values(bencher: Bencher<'_, '_>, len: usize) {
    let (d, text) = (detector(), sdk(len));
    bencher.counter(BytesCount::new(len)).bench_local(|| d.prefilter().is_hot(black_box(&text)));
}

#[divan::bench]
fn window_of_one_pair(bencher: Bencher<'_, '_>) {
    let (d, mut r) = (detector(), Random(1));
    let pair = format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", r.id(), r.secret());
    let text = [prose(1 << 17), pair.into_bytes(), prose(1 << 17)].concat();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| d.detect(black_box(&text)).len());
}

#[divan::bench(args = [100, 1_000, 10_000])]
fn pairing_of_rows(bencher: Bencher<'_, '_>, rows: usize) {
    let (d, mut r) = (detector(), Random(2));
    let rows: Vec<String> = (0..rows).map(|i| format!("user{i},{},{}", r.id(), r.secret())).collect();
    let text = rows.join("\n");
    bencher.counter(BytesCount::new(text.len())).bench_local(|| d.detect(black_box(text.as_bytes())).len());
}

#[divan::bench(args = [1_000, 10_000])]
fn ids_alone(bencher: Bencher<'_, '_>, rows: usize) {
    let (d, mut r) = (detector(), Random(3));
    let ids: Vec<String> = (0..rows).map(|_| r.id()).collect();
    let text = ids.join("\n");
    bencher.counter(BytesCount::new(text.len())).bench_local(|| d.detect(black_box(text.as_bytes())).len());
}
