//! What containers there are, and how each is known.

use super::{cpio, inflate, office, pg_dump, stream, tar, zip};

/// How many bytes from its start tell whether something is a container.
pub const HEAD: usize = 512;

/// A kind of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One compressed stream, or several in a row.
    Gzip,
    /// As gzip.
    Bzip2,
    /// As gzip.
    Xz,
    /// As gzip.
    Zstd,
    /// Members, each compressed or not: also jar, whl, docx, apk, …
    Zip,
    /// Members, none compressed.
    Tar,
    /// Members, none compressed: Debian packages and static libraries.
    Ar,
    /// As gzip: the format before xz, which has no mark of its own.
    Lzma,
    /// One stream in the wrapping of zlib: a loose object of git, in a copy of a repository.
    Zlib,
    /// Members, none compressed: initial file systems, the payload of RPM.
    Cpio,
    /// A package, around a compressed cpio archive.
    Rpm,
    /// Members, several compressed as one.
    SevenZip,
    /// Streams, most of them compressed.
    Pdf,
    /// Rows of tables.
    Sqlite,
    /// Pages that are to be written to such a file.
    SqliteLog,
    /// Rows of tables, compressed.
    PgDump,
    /// Text with markup: a part of a docx, xlsx, odt, …
    Office,
    /// Objects of git, with or without the names of a bundle before them.
    GitPack,
    /// Compressed in a way that is only known by its mark: this one.
    Unopened(&'static str),
}

/// What is known by its mark alone.
pub(super) const UNOPENED: [(&str, &[u8]); 7] = [
    ("rar", b"Rar!\x1a\x07"),
    ("cab", b"MSCF\0\0\0\0"),
    ("lz4", b"\x04\x22\x4d\x18"),
    ("lzip", b"LZIP\x01"),
    ("snappy", b"\xff\x06\0\0sNaPpY"),
    ("parquet", b"PAR1"),
    ("compress", b"\x1f\x9d\x90"),
];

impl Format {
    /// All that are opened.
    pub const ALL: [Self; 18] = [
        Self::Gzip,
        Self::Bzip2,
        Self::Xz,
        Self::Zstd,
        Self::Lzma,
        Self::Zlib,
        Self::Zip,
        Self::Tar,
        Self::Ar,
        Self::Cpio,
        Self::Rpm,
        Self::SevenZip,
        Self::Pdf,
        Self::Sqlite,
        Self::SqliteLog,
        Self::PgDump,
        Self::Office,
        Self::GitPack,
    ];

    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Ar => "ar",
            Self::Lzma => "lzma",
            Self::Zlib => "zlib",
            Self::Cpio => "cpio",
            Self::Rpm => "rpm",
            Self::SevenZip => "7z",
            Self::Pdf => "pdf",
            Self::Sqlite => "sqlite",
            Self::SqliteLog => "sqlite-wal",
            Self::PgDump => "pg-dump",
            Self::Office => "office",
            Self::GitPack => "git-pack",
            Self::Unopened(name) => name,
        }
    }
}

/// The container that begins with `head`: its first [`HEAD`] bytes, or all of it if there are fewer.
#[inline]
pub fn format(head: &[u8]) -> Option<Format> {
    // Nearly nothing gets past the first byte; a tar archive may begin with any.
    match head {
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 && head.len() >= 18 => Some(Format::Gzip),
        [b'P', b'K', 3, 4, ..] if head.len() >= 30 => Some(Format::Zip),
        [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Some(Format::Zip),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(Format::Bzip2),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Format::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::Zstd),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] if head.len() >= 32 => Some(Format::SevenZip),
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', ..] if cpio::is_header(head) => Some(Format::Cpio),
        [0xed, 0xab, 0xee, 0xdb, 3 | 4, ..] if head.len() >= 112 => Some(Format::Rpm),
        [b'%', b'P', b'D', b'F', b'-', b'1'..=b'2', ..] => Some(Format::Pdf),
        [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..] if head.len() >= 12 => Some(Format::GitPack),
        [b'#', b' ', b'v', b'2' | b'3', ..] if head[4..].starts_with(b" git bundle\n") => {
            Some(Format::GitPack)
        }
        [b'#', b'!', ..] if zip::behind_script(head).is_some() => Some(Format::Zip),
        [b'x', 0x01 | 0x5e | 0x9c | 0xda, ..] if inflate::is_zlib(head) => Some(Format::Zlib),
        [0x5d, 0, 0, ..] if stream::is_lzma(head) => Some(Format::Lzma),
        [0x37, 0x7f, 6, 0x82 | 0x83, 0, 0x2d, 0xe2, 0x18, ..] if head.len() >= 32 => Some(Format::SqliteLog),
        [b'<' | 0xef, ..] if office::is_office(head) => Some(Format::Office),
        [b'P', b'G', b'D', b'M', ..] if pg_dump::is_dump(head) => Some(Format::PgDump),
        _ if head.starts_with(b"SQLite format 3\0") && head.len() >= 100 => Some(Format::Sqlite),
        _ if head.starts_with(b"!<arch>\n") => Some(Format::Ar),
        [b'R' | b'M' | b'L' | b'P' | 4 | 0x1f | 0xff, ..]
            if let Some((name, _)) = UNOPENED.iter().find(|u| head.starts_with(u.1)) =>
        {
            Some(Format::Unopened(name))
        }
        _ if head.get(257..262) == Some(b"ustar") && tar::is_header(head) => Some(Format::Tar),
        _ => None,
    }
}
