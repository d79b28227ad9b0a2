//! A look at content that is too large for memory.

use std::io::Read;

use crate::decode::unpack::fill;
use crate::detect::Prefilter;

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// Whether a stream of exactly `size` bytes has a viable anchor. Reads it to its end; `each` gets all bytes in order.
pub(super) fn is_hot(
    prefilter: &Prefilter,
    reader: &mut dyn Read,
    size: u64,
    mut each: impl FnMut(&[u8]),
) -> Result<bool, String> {
    let mut text = vec![0; CHUNK + Prefilter::REACH_BEFORE + Prefilter::REACH_AFTER];
    let (mut len, mut judged, mut total, mut hot) = (0, 0, 0u64, false);
    loop {
        let room = text.len();
        let read = fill(reader, &mut text[len..room]).map_err(|e| e.to_string())?;
        each(&text[len..len + read]);
        total += read as u64;
        if total > size {
            break;
        }
        let ended = len + read < room;
        len += read;
        let limit = if ended { len } else { len - Prefilter::REACH_AFTER };
        if !hot {
            let text = &text[..len];
            prefilter.each(text, |anchor| {
                hot = (judged..limit).contains(&anchor.pos) && prefilter.viable(text, anchor);
                !hot
            });
        }
        if ended {
            break;
        }
        let keep = limit - Prefilter::REACH_BEFORE;
        text.copy_within(keep..len, 0);
        (len, judged) = (len - keep, Prefilter::REACH_BEFORE);
    }
    if total == size { Ok(hot) } else { Err("it does not inflate to its declared size".into()) }
}
