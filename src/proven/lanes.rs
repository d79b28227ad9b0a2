//! Looking up the bytes of a text in tables, 64 at a time, with the instructions that AVX-512 VBMI has for it.
//!
//! # Why this is sound
//!
//! - The functions that are compiled for these instructions can only be reached through [`Lanes::next`], and a [`Lanes`] can only be made
//!   by [`Lanes::new`], which asks the processor whether it has them.
//! - What is read through a pointer is an array of exactly the size that is read, or the bytes of a slice under a mask that has a bit
//!   for those only that the slice has; bytes that are masked out are not accessed, and cause no fault (Intel's manual, VMOVDQU8).
//!   Neither needs alignment.
//! - All else that is used of these instructions touches registers alone, and the compiler takes it as safe.

/// How many bytes of a text are looked up for each place.
pub(crate) const DEPTH: usize = 5;

/// How many places are looked at together.
pub(crate) const LANES: usize = 64;

/// For each of the bytes from a place on, what its low six bits stand for: a set of up to eight.
pub(crate) type Tables = [[u8; LANES]; DEPTH];

/// What can look at many places of a text together.
#[derive(Debug)]
pub(crate) struct Lanes {
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    tables: Tables,
}

/// Some places of a text, side by side.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where the first one is.
    pub(crate) start: usize,
    /// One bit for each place whose set is not empty.
    pub(crate) some: u64,
    /// For each place what its bytes have in common. Behind the end of the text, NUL is taken for its bytes.
    pub(crate) sets: [u8; LANES],
}

impl Lanes {
    /// `None`: this processor cannot. Else the tables are asked for.
    pub(crate) fn new(tables: impl FnOnce() -> Tables) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        let can = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi");
        #[cfg(not(target_arch = "x86_64"))]
        let can = false;
        can.then(|| Self { tables: tables() })
    }

    /// The first block from `at` on that has a place whose set is not empty.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn next(&self, text: &[u8], at: usize) -> Option<Block> {
        // SAFETY: `new` has asked the processor.
        unsafe { x86::next(&self.tables, text, at) }
    }

    /// The first block from `at` on that has a place whose set is not empty.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn next(&self, _: &[u8], _: usize) -> Option<Block> {
        unreachable!("there is none to be asked")
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm512_and_si512, _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_permutexvar_epi8,
        _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_test_epi8_mask,
    };

    use super::{Block, DEPTH, LANES, Tables};

    /// `_mm512_ternarylogic_epi64`: a bit that all three have.
    const ALL_THREE: i32 = 0x80;

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn next(tables: &Tables, text: &[u8], mut at: usize) -> Option<Block> {
        let tables =
            [load(&tables[0]), load(&tables[1]), load(&tables[2]), load(&tables[3]), load(&tables[4])];
        while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk) {
            let from = [
                load(part::<0>(bytes)),
                load(part::<1>(bytes)),
                load(part::<2>(bytes)),
                load(part::<3>(bytes)),
                load(part::<4>(bytes)),
            ];
            let sets = common(&tables, &from);
            let some = _mm512_test_epi8_mask(sets, sets);
            if some != 0 {
                return Some(block(at, some, sets));
            }
            at += LANES;
        }
        // what is left is less than two blocks
        while at < text.len() {
            let bytes = &text[at..];
            let from = [
                load_some(bytes),
                load_some(bytes.get(1..).unwrap_or_default()),
                load_some(bytes.get(2..).unwrap_or_default()),
                load_some(bytes.get(3..).unwrap_or_default()),
                load_some(bytes.get(4..).unwrap_or_default()),
            ];
            let sets = common(&tables, &from);
            let there = mask(bytes.len());
            let some = _mm512_test_epi8_mask(sets, sets) & there;
            if some != 0 {
                return Some(block(at, some, sets));
            }
            at += LANES;
        }
        None
    }

    /// The bytes from a place on.
    fn part<const PLACE: usize>(bytes: &[u8; LANES + DEPTH - 1]) -> &[u8; LANES] {
        bytes[PLACE..].first_chunk().expect("there are DEPTH places")
    }

    /// What the bytes of each place have in common.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn common(tables: &[__m512i; DEPTH], from: &[__m512i; DEPTH]) -> __m512i {
        let first = _mm512_permutexvar_epi8(from[0], tables[0]);
        let second = _mm512_permutexvar_epi8(from[1], tables[1]);
        let third = _mm512_permutexvar_epi8(from[2], tables[2]);
        let fourth = _mm512_permutexvar_epi8(from[3], tables[3]);
        let fifth = _mm512_permutexvar_epi8(from[4], tables[4]);
        let three = _mm512_ternarylogic_epi64::<ALL_THREE>(first, second, third);
        _mm512_and_si512(three, _mm512_and_si512(fourth, fifth))
    }

    #[target_feature(enable = "avx512f")]
    fn load(bytes: &[u8; LANES]) -> __m512i {
        // SAFETY: the array has the 64 bytes that are read.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    /// The first bytes of a slice, and NUL for those that it does not have.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn load_some(bytes: &[u8]) -> __m512i {
        // SAFETY: the mask has a bit for no byte that the slice does not have.
        unsafe { _mm512_maskz_loadu_epi8(mask(bytes.len()), bytes.as_ptr().cast()) }
    }

    /// A bit for each of the first bytes, if there are so many.
    fn mask(len: usize) -> u64 {
        if len < LANES { (1 << len) - 1 } else { u64::MAX }
    }

    #[target_feature(enable = "avx512f")]
    fn block(start: usize, some: u64, lanes: __m512i) -> Block {
        let mut sets = [0; LANES];
        // SAFETY: the array has room for the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(sets.as_mut_ptr().cast(), lanes) };
        Block { start, some, sets }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the same by one byte at a time. Texts are put at the end of what they stand in, at every alignment.
        #[test]
        fn places_are_those_that_their_bytes_have_in_common(
            rows in prop::collection::vec(prop::collection::vec(any::<u8>(), LANES), DEPTH),
            text in prop::collection::vec(any::<u8>(), 0..400),
            before in 0..70usize,
        ) {
            let mut tables: Tables = [[0; LANES]; DEPTH];
            for (table, row) in tables.iter_mut().zip(&rows) {
                table.copy_from_slice(row);
            }
            let Some(lanes) = Lanes::new(|| tables) else { return Ok(()) };
            let held = [vec![7; before], text.clone()].concat();
            let held = held.into_boxed_slice();
            let text = &held[before..];
            let byte = |at: usize| usize::from(text.get(at).copied().unwrap_or(0) & 63);
            let set = |at: usize| (0..DEPTH).fold(u8::MAX, |set, place| set & tables[place][byte(at + place)]);
            let wanted: Vec<(usize, u8)> = (0..text.len()).map(|at| (at, set(at))).filter(|(_, set)| *set != 0).collect();
            let (mut found, mut at) = (Vec::new(), 0);
            while let Some(block) = lanes.next(text, at) {
                let places = (0..LANES).filter(|i| block.some >> i & 1 != 0);
                found.extend(places.map(|i| (block.start + i, block.sets[i])));
                at = block.start + LANES;
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
