//! Loose objects: one zlib stream a file, which begins with kind and size.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix::objs::Kind as ObjectKind;

use super::STREAM_FROM;
use super::buffer::Buffer;
use super::inflate::{CORRUPT, Inflater, Stream, check_adler, check_size};
use crate::blob::Skipped;
use crate::proven::mmap::open_regular;

/// Longest header: `commit`, a space, 20 digits, NUL.
const MAX_HEADER: usize = 28;

/// The loose objects of all object directories.
#[derive(Debug, Default)]
pub(super) struct Loose {
    dirs: Vec<PathBuf>,
    /// Sorted by id; an id may be there once for each directory.
    files: Vec<(ObjectId, u32)>,
}

/// The content of a loose object.
pub(super) enum Content {
    /// It is in the buffer, behind a header of so many bytes.
    Whole { kind: ObjectKind, header: usize },
    /// It is too large for a buffer.
    Huge { kind: ObjectKind, size: u64 },
}

impl Loose {
    /// List the loose objects of `dirs`.
    pub(super) fn open(dirs: Vec<PathBuf>, hash: HashKind, problems: &mut Vec<Skipped>) -> Self {
        let mut files = Vec::new();
        for (number, dir) in dirs.iter().enumerate() {
            for byte in 0..=255u8 {
                let folder = dir.join(format!("{byte:02x}"));
                let entries = match std::fs::read_dir(&folder) {
                    Ok(entries) => entries,
                    Err(error)
                        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                    {
                        continue;
                    }
                    Err(error) => {
                        problems.push(folder_problem(&folder, &error));
                        continue;
                    }
                };
                for entry in entries {
                    match entry {
                        Ok(entry) => {
                            files.extend(
                                object_id(byte, &entry.file_name(), hash).map(|id| (id, number as u32)),
                            );
                        }
                        Err(error) => problems.push(folder_problem(&folder, &error)),
                    }
                }
            }
        }
        files.sort_unstable();
        Self { dirs, files }
    }

    /// Every id, once, ascending.
    pub(super) fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
        let repeated = |i: usize| i > 0 && self.files[i - 1].0 == self.files[i].0;
        (0..self.files.len()).filter(move |&i| !repeated(i)).map(|i| self.files[i].0)
    }

    /// The files of an object.
    pub(super) fn paths(&self, id: &gix::oid) -> impl Iterator<Item = PathBuf> + '_ {
        let from = self.files.partition_point(|f| f.0.as_ref() < id);
        let id = id.to_owned();
        self.files[from..].iter().take_while(move |f| f.0 == id).map(|f| {
            let hex = f.0.to_hex().to_string();
            self.dirs[f.1 as usize].join(&hex[..2]).join(&hex[2..])
        })
    }

    pub(super) fn contains(&self, id: &gix::oid) -> bool {
        self.files.binary_search_by(|f| f.0.as_ref().cmp(id)).is_ok()
    }
}

fn folder_problem(folder: &Path, error: &io::Error) -> Skipped {
    Skipped::new(folder.display().to_string(), format!("cannot list the folder: {error}"))
}

/// The id that folder and file name give; `None` for other files, such as temporary ones.
fn object_id(folder: u8, name: &std::ffi::OsStr, hash: HashKind) -> Option<ObjectId> {
    let name = name.to_str()?;
    if name.len() + 2 != hash.len_in_hex() || name.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    ObjectId::from_hex(format!("{folder:02x}{name}").as_bytes()).ok()
}

/// Read the object in the file at `path`.
pub(super) fn read(path: &Path, inflater: &mut Inflater, out: &mut Buffer) -> Result<Content, String> {
    let corrupt = |why: &str| why.to_owned();
    let io_error = |e: io::Error| format!("cannot be read: {e}");
    let mut file = open_regular(path).map_err(io_error)?;
    let on_disk = file.metadata().map_err(io_error)?.len();
    let mut head = Vec::new();
    if on_disk > STREAM_FROM / 2 {
        (&mut file).take(4096).read_to_end(&mut head).map_err(io_error)?;
    } else {
        file.read_to_end(&mut head).map_err(io_error)?;
    }
    let mut start = [0; MAX_HEADER];
    let mut filled = 0;
    let mut stream = Stream::new(&head[..]);
    while filled < start.len() {
        match stream.read(&mut start[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(_) if filled > 0 => break, // its beginning is enough for now
            Err(error) => return Err(error.to_string()),
        }
    }
    let (kind, size, header) = parse_header(&start[..filled]).ok_or("its header is damaged")?;
    if size > STREAM_FROM || on_disk > STREAM_FROM / 2 {
        return Ok(Content::Huge { kind, size });
    }
    let whole = size + header as u64;
    check_size(whole, head.len()).map_err(corrupt)?;
    inflater.inflate(&head, whole, out).map_err(corrupt)?;
    check_adler(&head, out.bytes()).map_err(corrupt)?;
    Ok(Content::Whole { kind, header })
}

/// A reader of the content of a huge object.
pub(super) fn open_huge(path: &Path) -> Result<Box<dyn Read>, String> {
    let file = open_regular(path).map_err(|e| format!("cannot be read: {e}"))?;
    let mut stream = Stream::new(file);
    let mut byte = [0];
    for _ in 0..MAX_HEADER {
        match stream.read(&mut byte) {
            Ok(1) if byte[0] == 0 => return Ok(Box::new(stream)),
            Ok(1) => {}
            Ok(_) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(CORRUPT.into())
}

/// Kind, size, and length with the NUL.
fn parse_header(bytes: &[u8]) -> Option<(ObjectKind, u64, usize)> {
    let end = bytes.iter().position(|&b| b == 0)?;
    let space = bytes[..end].iter().position(|&b| b == b' ')?;
    let kind = ObjectKind::from_bytes(&bytes[..space]).ok()?;
    let digits = &bytes[space + 1..end];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((kind, size, end + 1))
}
