//! UTF-16 and UTF-32 inside other text: what base64 encodes for `PowerShell -EncodedCommand`, and whole files in UTF-32.

use crate::finding::Encoding;

use super::Rewrite;

/// Fewer characters in a row are no text.
const MIN_UNITS: usize = 8;

/// Write runs of ASCII characters in two or four bytes each, either byte order, with one byte a character.
pub(super) fn narrow(text: &[u8], out: &mut Rewrite<'_>) {
    let mut at = 0;
    while let Some(nul) = memchr::memchr(0, &text[at..]).map(|n| at + n) {
        // The run begins with the character before the NUL, or, big endian, with the NUL.
        let little = nul.checked_sub(1).filter(|from| *from >= at);
        let run = little
            .into_iter()
            .flat_map(|from| [(from, 4, 0, Encoding::Utf32), (from, 2, 0, Encoding::Utf16)])
            .chain([(nul, 4, 3, Encoding::Utf32), (nul, 2, 1, Encoding::Utf16)])
            .find_map(|(from, width, low, encoding)| {
                let units = text[from..].chunks_exact(width).take_while(|u| is_ascii(u, low)).count();
                (units >= MIN_UNITS).then_some((from, width, low, encoding, units))
            });
        let Some((from, width, low, encoding, units)) = run else {
            at = nul + 1;
            continue;
        };
        let end = from + units * width;
        let narrow: Vec<u8> = text[from..end].chunks_exact(width).map(|u| u[low]).collect();
        out.replace(from..end, &narrow, encoding);
        at = end;
    }
}

fn is_ascii(unit: &[u8], low: usize) -> bool {
    unit.iter()
        .enumerate()
        .all(|(i, b)| if i == low { matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e) } else { *b == 0 })
}
