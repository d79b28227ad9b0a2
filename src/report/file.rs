//! Writes a report file in one step: whole, or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Write the file `path` through `write`: a new file in the same folder takes its place when all is written, so that no
/// reader sees half a report and an error leaves the old one. A symbolic link stays and its target is replaced; what
/// is no regular file (a pipe, `/dev/null`) is written to directly.
///
/// A file with secrets is `private`: for its owner alone. Any other keeps the permissions that it has, and gets the usual
/// ones if it is new.
pub fn write_file(
    path: &Path,
    private: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    replace(path, private, write).map_err(|source| FileError { path: path.to_owned(), source })
}

fn replace(
    path: &Path,
    private: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Ok(old) if old.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(old) if !old.is_file() => {
            let mut out = BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
            write(&mut out)?;
            return out.flush();
        }
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let target = if old.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".keyhound-").suffix(".tmp");
    if !private {
        make_usual(&mut builder);
    }
    let mut new = builder.tempfile_in(folder)?;
    {
        let mut out = BufWriter::new(new.as_file_mut());
        write(&mut out)?;
        out.flush()?;
    }
    if let Some(old) = old.filter(|_| !private) {
        new.as_file().set_permissions(old.permissions())?;
    }
    new.persist(&target)?;
    Ok(())
}

/// Ask for what `open` is given for any new file; the umask takes its part away.
#[cfg(unix)]
fn make_usual(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn make_usual(_builder: &mut tempfile::Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_file(&path, false, |out| out.write_all(b"old")).unwrap();
        let error = write_file(&path, false, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("report.json"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "the disk is full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["report.json"], "nothing is left behind");
        write_file(&path, false, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/folder.json");
        let error = write_file(&missing, false, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("folder.json"), "{error}");
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
        assert_eq!(
            write_file(folder.path(), false, |_| Ok(())).unwrap_err().source.kind(),
            io::ErrorKind::IsADirectory
        );
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_and_secrets_are_for_the_owner() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = folder.path().join("report");
        fs::write(folder.path().join("plain"), "").unwrap();
        write_file(&path, false, |_| Ok(())).unwrap();
        assert_eq!(mode(&path), mode(&folder.path().join("plain")), "a new one is like any new file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write_file(&path, false, |_| Ok(())).unwrap();
        assert_eq!(mode(&path), 0o640);
        write_file(&path, true, |_| Ok(())).unwrap();
        assert_eq!(mode(&path), 0o600);
        let link = folder.path().join("link");
        symlink("report", &link).unwrap();
        write_file(&link, true, |out| out.write_all(b"through")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"through");
        write_file(Path::new("/dev/null"), false, |out| out.write_all(b"gone")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
