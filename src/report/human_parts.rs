//! Colours, links and the shown line of the human report.

use std::borrow::Cow;
use std::io::{self, Write};

use unicode_width::UnicodeWidthChar as _;

use crate::blob::Place;
use crate::finding::{Location, Severity, Snippet};
use crate::report::redact::Redactor;
use crate::report::sanitize::{sanitize, sanitize_bytes};
use crate::report::{Options, Report, text, uri};

const WIDTH: usize = 100;

/// What a piece of text is.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Bold,
    Dim,
    Bad,
    Warning,
    Commit,
}

/// Adds escape sequences where the options allow them.
pub(super) struct Painter<'a> {
    options: &'a Options,
}

impl<'a> Painter<'a> {
    pub(super) fn new(report: &Report<'a>) -> Self {
        Self { options: report.options }
    }

    /// `text`, which must be sanitised, in a style.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if !self.options.color {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Bad => "1;31",
            Style::Warning => "1;33",
            Style::Commit => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    pub(super) fn severity(&self, severity: Severity) -> String {
        let style = match severity {
            Severity::Critical | Severity::High => Style::Bad,
            Severity::Medium | Severity::Low => Style::Warning,
            Severity::Info => Style::Dim,
        };
        self.paint(style, severity.name())
    }

    /// `path:line:column`, or the name of what has no path, linked where the file is in the root folder.
    pub(super) fn place(&self, location: &Location, redactor: &Redactor) -> String {
        let mut name = match &location.path {
            Some(path) => sanitize_bytes(&redactor.bytes(path)),
            None => sanitize(&text::place_name(location, redactor)).into_owned(),
        };
        if location.place == Place::Path {
            name.push_str(" (in the name)");
        } else {
            for number in location.line.iter().chain(location.line.and(location.column.as_ref())) {
                name = format!("{name}:{number}");
            }
        }
        match location.place {
            Place::Symlink => name.push_str(" (symbolic link)"),
            Place::Index => name.push_str(" (staged)"),
            Place::Lfs => name.push_str(" (git-lfs)"),
            _ => {}
        }
        match self.link(location, redactor) {
            Some(link) => format!("\x1b]8;;{link}\x1b\\{name}\x1b]8;;\x1b\\"),
            None => name,
        }
    }

    /// A URI holds unreserved characters and percent escapes alone, so that nothing in it can end the sequence.
    fn link(&self, location: &Location, redactor: &Redactor) -> Option<String> {
        let here = match location.place {
            Place::File | Place::GitFile | Place::Index => true,
            Place::Blob => text::standing(location) == Some(text::Standing::Here),
            _ => false,
        };
        let root = self.options.root.as_deref().filter(|_| here && self.options.hyperlinks)?;
        let path = location.path.as_deref()?;
        // A file whose name had to be redacted cannot be opened under the name that is left.
        matches!(redactor.bytes(path), Cow::Borrowed(_)).then(|| uri::of_file(root, path))
    }
}

/// The line of a finding, cut to the width of the terminal around what was found, with a mark below it.
pub(super) fn snippet(
    snippet: &Snippet,
    line: Option<u64>,
    report: &Report<'_>,
    painter: &Painter<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let pieces = report.redactor.cut(&snippet.text, snippet.highlight);
    let [before, inside, after] = pieces.map(|piece| sanitize(&piece.replace('\t', " ")).into_owned());
    let before = before.trim_start();
    let after = after.trim_end();
    if before.is_empty() && inside.trim().is_empty() && after.is_empty() {
        return Ok(());
    }
    let number = line.map_or(String::new(), |line| line.to_string());
    let gutter = number.len().max(5);
    let room = report.options.width.unwrap_or(WIDTH).saturating_sub(gutter + 5).max(20);
    let inside = cut_end(&inside, room);
    let left = room - width(&inside).min(room);
    // What stands before names the value, so it gets more of the room unless little follows.
    let room_before = (left * 2 / 3).max(left.saturating_sub(width(after)));
    let before = cut_start(before, room_before);
    let after = cut_end(after, left - width(&before).min(left));
    let bar = painter.paint(Style::Dim, "|");
    let found = painter.paint(Style::Bad, &inside);
    writeln!(out, "  {number:>gutter$} {bar} {before}{found}{after}")?;
    let mark = "^".repeat(width(&inside).max(1));
    let mark = painter.paint(Style::Bad, &mark);
    writeln!(out, "  {:>gutter$} {bar} {}{mark}", "", " ".repeat(width(&before)))
}

fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// The beginning of `text` in at most `room` columns.
fn cut_end(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= room
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

/// The end of `text` in at most `room` columns.
fn cut_start(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= room
    };
    let end: Vec<char> = text.chars().rev().take_while(fits).collect();
    std::iter::once('…').chain(end.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!([cut_end("abcdef", 6), cut_end("abcdef", 4), cut_end("abc", 0)], ["abcdef", "abc…", ""]);
        assert_eq!([cut_start("abcdef", 4), cut_start("abc", 1), cut_start("abc", 0)], ["…def", "…", ""]);
        assert_eq!([cut_end("漢字漢字", 4), cut_start("漢字漢字", 4)], ["漢…", "…字"]);
    }
}
