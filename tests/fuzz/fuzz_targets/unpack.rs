//! Any bytes as a container, and a text that is packed by recipe. Oracles: what comes out stays within the limits, and so does the
//! depth of layers; the packed text comes out whole, at its path, without a problem.
#![no_main]

use std::io::{self, Read, Write as _};

use keyhound::decode::unpack::{Format, HEAD, Limits, Members, Problem, format, unpack};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { depth: 4, bytes: 1 << 20, members: 200 };
const TEXT: &[u8] = b"a line\nand another line, so that it may be compressed: another line\n";

#[derive(Default)]
struct Seen {
    contents: Vec<(Vec<u8>, Vec<u8>)>,
    problems: Vec<Problem>,
    names: u64,
    open: usize,
}

impl Members for Seen {
    fn opens(&mut self, _: Format) {
        self.open += 1;
        assert!(self.open <= LIMITS.depth, "deeper than the limit");
    }

    fn closes(&mut self) {
        self.open -= 1;
    }

    fn content(&mut self, path: &[u8], content: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        // Some of it is left unread.
        let read = content.take(100_000).read_to_end(&mut bytes);
        self.contents.push((path.to_vec(), bytes));
        read.map(|_| ())
    }

    fn name(&mut self, _: &[u8], _: &[u8]) {
        self.names += 1;
    }

    fn problem(&mut self, _: &[u8], problem: Problem) {
        self.problems.push(problem);
    }
}

fn seen(bytes: &[u8]) -> Option<Seen> {
    let format = format(&bytes[..bytes.len().min(HEAD)])?;
    let mut seen = Seen::default();
    unpack(format, &mut { bytes }, LIMITS, &|| false, &mut seen).expect("bytes do not fail");
    assert_eq!(seen.open, 0, "what is opened is closed");
    Some(seen)
}

fuzz_target!(|input: (&[u8], &[u8])| {
    let (recipe, bytes) = input;
    if let Some(seen) = seen(bytes) {
        // Names that lead elsewhere, and the head of a bundle, come on top of those of members.
        assert!(seen.names <= 2 * LIMITS.members + 8);
        // What is stored, not compressed, is as much as there is; nothing is read of one byte more often than there are layers.
        let total: usize = seen.contents.iter().map(|c| c.1.len()).sum();
        assert!(total as u64 <= LIMITS.bytes + 4 * LIMITS.depth as u64 * (bytes.len() as u64 + 1), "{total}");
    }
    let steps = &recipe[..recipe.len().min(LIMITS.depth)];
    if steps.is_empty() {
        return;
    }
    let mut packed = TEXT.to_vec();
    let mut path = Vec::new();
    for step in steps {
        packed = match step % 3 {
            0 => gzip(&packed),
            1 => {
                path.splice(0..0, *b"!m");
                tar(&packed)
            }
            _ => {
                path.splice(0..0, *b"!m");
                ar(&packed)
            }
        };
    }
    let seen = seen(&packed).expect("a container");
    assert_eq!(seen.problems, []);
    assert_eq!(seen.contents, [(path, TEXT.to_vec())]);
});

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn tar(content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[0] = b'm';
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend_from_slice(content);
    header.resize(header.len().next_multiple_of(512) + 1024, 0);
    header
}

fn ar(content: &[u8]) -> Vec<u8> {
    let head = format!("!<arch>\n{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "m/", 0, 0, 0, 644, content.len());
    let padding: &[u8] = if content.len() % 2 == 1 { b"\n" } else { b"" };
    [head.as_bytes(), content, padding].concat()
}
