//! Makes containers, for tests.

use std::io::Write as _;

/// A way to pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pack {
    Gzip,
    Bzip2,
    Zstd,
    Lzma,
    Zlib,
    /// Deflated, sizes in the header.
    Zip,
    /// Deflated, sizes behind the content.
    ZipStreamed,
    ZipStored,
    /// Stored, sizes behind the content.
    ZipStoredStreamed,
    ZipLzma,
    ZipDeflate64,
    Tar,
    Ar,
    Cpio,
    /// Headers, and behind them a cpio archive in gzip.
    Rpm,
}

impl Pack {
    pub(crate) const ALL: [Self; 15] = [
        Self::Gzip,
        Self::Bzip2,
        Self::Zstd,
        Self::Lzma,
        Self::Zlib,
        Self::Zip,
        Self::ZipStreamed,
        Self::ZipStored,
        Self::ZipStoredStreamed,
        Self::ZipLzma,
        Self::ZipDeflate64,
        Self::Tar,
        Self::Ar,
        Self::Cpio,
        Self::Rpm,
    ];

    /// Whether members have names.
    pub(crate) fn names(self) -> bool {
        !matches!(self, Self::Gzip | Self::Bzip2 | Self::Zstd | Self::Lzma | Self::Zlib)
    }

    /// How many containers it is.
    pub(crate) fn layers(self) -> usize {
        if self == Self::Rpm { 3 } else { 1 }
    }

    /// Pack members; a mere compressed stream takes the first alone.
    pub(crate) fn pack(self, members: &[(&str, &[u8])]) -> Vec<u8> {
        match self {
            Self::Gzip => gzip(members[0].1),
            Self::Bzip2 => bzip2(members[0].1),
            Self::Zstd => zstd(members[0].1),
            Self::Lzma => lzma(members[0].1),
            Self::Zlib => zlib(members[0].1),
            Self::Tar => tar(members),
            Self::Ar => ar(members),
            Self::Cpio => cpio(members),
            Self::Rpm => rpm(b"", &gzip(&cpio(members))),
            _ => zip(members, self),
        }
    }
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Deflate64 differs in the longest match alone: it is never found where no more than this is known of what comes.
fn deflate64(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    for piece in content.chunks(257) {
        encoder.write_all(piece).unwrap();
        encoder.flush().unwrap();
    }
    encoder.finish().unwrap()
}

/// As `xz --format=lzma` makes it: the end is marked, there is no checksum.
fn lzma(content: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &lzma_options(), None).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// As zip archives hold it: version and properties in front, no end mark.
fn lzma_in_zip(content: &[u8]) -> Vec<u8> {
    let options = lzma_options();
    let head = [&[9, 4, 5, 0, options.get_props()][..], &options.dict_size.to_le_bytes()].concat();
    let mut encoder = lzma_rust2::LzmaWriter::new_no_header(head, &options, false).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn lzma_options() -> lzma_rust2::LzmaOptions {
    lzma_rust2::LzmaOptions::with_preset(0)
}

fn zip(members: &[(&str, &[u8])], how: Pack) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let (method, data) = match how {
            Pack::ZipStored | Pack::ZipStoredStreamed => (0u16, content.to_vec()),
            Pack::ZipLzma => (14, lzma_in_zip(content)),
            Pack::ZipDeflate64 => (9, deflate64(content)),
            _ => (8, deflate(content)),
        };
        let sums = [crc.sum(), data.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
        let streamed = matches!(how, Pack::ZipStreamed | Pack::ZipStoredStreamed);
        let fields = [20u16, if streamed { 8 } else { 0 }, method, 0, 0x21].map(u16::to_le_bytes).concat();
        let name_len = (name.len() as u16).to_le_bytes();
        let at = out.len() as u32;
        let in_header = if streamed { &[0; 12] } else { &sums[..] };
        for part in [b"PK\x03\x04", &fields[..], in_header, &name_len, &[0; 2], name.as_bytes(), &data] {
            out.extend_from_slice(part);
        }
        if streamed {
            out.extend_from_slice(b"PK\x07\x08");
            out.extend_from_slice(&sums);
        }
        for part in [b"PK\x01\x02\x14\x00", &fields[..], &sums, &name_len, &[0; 12], &at.to_le_bytes()] {
            directory.extend_from_slice(part);
        }
        directory.extend_from_slice(name.as_bytes());
    }
    let count = (members.len() as u16).to_le_bytes();
    let place = [directory.len() as u32, out.len() as u32].map(u32::to_le_bytes).concat();
    out.extend_from_slice(&directory);
    for part in [b"PK\x05\x06\0\0\0\0", &count[..], &count, &place, &[0; 2]] {
        out.extend_from_slice(part);
    }
    out
}

/// A header of tar. Long names go before it, as GNU has it.
fn tar_header(name: &str, kind: u8, size: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    let len = name.len().min(100);
    header[..len].copy_from_slice(&name.as_bytes()[..len]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[148..156].fill(b' ');
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar  \0");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    content.resize(content.len().next_multiple_of(512), 0);
    content
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members {
        if name.len() > 100 {
            out.extend(tar_header("././@LongLink", b'L', name.len() + 1));
            out.extend(padded(&[name.as_bytes(), b"\0"].concat()));
        }
        out.extend(tar_header(name, b'0', content.len()));
        out.extend(padded(content));
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        // BSD's form takes names of any length.
        let size = name.len() + content.len();
        let field = format!("#1/{}", name.len());
        out.extend(format!("{field:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).bytes());
        out.extend(name.bytes());
        out.extend_from_slice(content);
        if !size.is_multiple_of(2) {
            out.push(b'\n');
        }
    }
    out
}

fn cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members.iter().copied().chain([("TRAILER!!!", &b""[..])]) {
        let fields = [1, 0o100_644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
        out.extend_from_slice(b"070701");
        for field in fields {
            out.extend(format!("{field:08x}").bytes());
        }
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// A package of RPM with this text in each of its two headers.
pub(crate) fn rpm(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = (header.len() as u32).to_be_bytes();
    let header = [&[0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0, 0, 0, 0, 0], &len[..], header].concat();
    let mut out = [&[0xed, 0xab, 0xee, 0xdb, 3, 0][..], &[0; 90], &header].concat();
    out.resize(out.len().next_multiple_of(8), 0);
    [&out, &header, payload].concat()
}

/// A PDF with one stream that is deflated.
pub(crate) fn pdf(text: &[u8]) -> Vec<u8> {
    let stream = zlib(text);
    let head = format!("%PDF-1.4\n4 0 obj\n<< /Length {} /Filter /FlateDecode >>\nstream\r\n", stream.len());
    [head.as_bytes(), &stream, b"\nendstream\nendobj\n%%EOF\n"].concat()
}

/// A dump of `PostgreSQL`: a table of contents, and for each table its number and its rows, compressed, in chunks of 100 bytes.
pub(crate) fn pg_dump(contents: &[u8], tables: &[(u32, &[u8])]) -> Vec<u8> {
    let number = |n: u32| [&[0], &n.to_le_bytes()[..]].concat();
    let mut out =
        [&b"PGDMP\x01\x0e\0\x04\x08\x01\x01"[..], &number(contents.len() as u32), contents].concat();
    for (table, rows) in tables {
        out.push(1); // data
        out.extend(number(*table));
        for chunk in zlib(rows).chunks(100) {
            out.extend(number(chunk.len() as u32));
            out.extend_from_slice(chunk);
        }
        out.extend(number(0));
    }
    out
}

/// A pack of git: blobs, and behind them, made from the first by its offset, what `appended` adds to it.
pub(crate) fn git_pack(blobs: &[&[u8]], appended: &[u8]) -> Vec<u8> {
    let entry = |kind: u8, base: &[u8], data: &[u8]| {
        let mut out = vec![kind << 4 | (data.len() & 15) as u8];
        let mut left = data.len() >> 4;
        while left > 0 {
            *out.last_mut().unwrap() |= 0x80;
            out.push((left & 0x7f) as u8);
            left >>= 7;
        }
        out.extend_from_slice(base);
        out.extend(zlib(data));
        out
    };
    let size = |n: usize| vec![0x80 | (n & 0x7f) as u8, 0x80 | (n >> 7 & 0x7f) as u8, (n >> 14) as u8];
    let mut out = [&b"PACK\0\0\0\x02"[..], &(blobs.len() as u32 + 1).to_be_bytes()].concat();
    for blob in blobs {
        out.extend(entry(3, b"", blob));
    }
    let base = blobs[0].len();
    let copy = [0x80 | 0x70, (base & 0xff) as u8, (base >> 8 & 0xff) as u8, (base >> 16) as u8];
    assert!(appended.len() < 128);
    let add = [&[appended.len() as u8][..], appended].concat();
    let delta = [size(base), size(base + appended.len()), copy.to_vec(), add].concat();
    let back = out.len() - 12;
    assert!((128..16_512).contains(&back), "two bytes say where the base is");
    let at = [(((back - 128) >> 7) | 0x80) as u8, ((back - 128) & 0x7f) as u8];
    out.extend(entry(6, &at, &delta));
    out
}
