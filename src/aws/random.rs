//! Seeded random values of the shapes that AWS gives out, for tests that measure rates.

/// The alphabet of RFC 4648 base32.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `SplitMix64`: small, and the same values for the same seed everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Characters of `alphabet`.
    pub(super) fn text(&mut self, alphabet: &[u8], len: usize) -> Vec<u8> {
        (0..len).map(|_| alphabet[self.below(alphabet.len() as u64) as usize]).collect()
    }

    /// A key id that carries an account number, as AWS makes them since 2019.
    pub(super) fn key_id(&mut self, prefix: &str) -> Vec<u8> {
        let account = u128::from(self.below(1_000_000_000_000));
        let bits = 1 << 79 | account << 39 | u128::from(self.next() >> 25);
        let body = (0..16).rev().map(|i| BASE32[(bits >> (5 * i) & 31) as usize]);
        prefix.bytes().chain(body).collect()
    }
}
