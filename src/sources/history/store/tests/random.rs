//! Random texts and edits, with keys that are cut, grown, moved and split. Reproducible: xorshift from a seed.

pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    /// Something that a text may hold.
    pub(super) fn word(&mut self) -> String {
        let key = |r: &mut Self, n| (0..n).map(|_| char::from(b'A' + r.below(26) as u8)).collect::<String>();
        match self.below(24) {
            0 => format!("AKIA{}", key(self, 16)),
            1 => format!("ASIA{}", key(self, 16)),
            2 => "AKI".into(),
            3 => "IA".into(),
            4 => "secret_key".into(),
            5 => "AKIAKIASIA".into(),
            _ => {
                let length = 3 + self.below(12);
                key(self, length).to_lowercase()
            }
        }
    }

    pub(super) fn text(&mut self, len: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < len {
            // Long stretches without a key, so that most versions are cold.
            let word = if self.below(40) == 0 { self.word() } else { format!("w{:x}", self.below(1 << 30)) };
            text.extend_from_slice(word.as_bytes());
            text.push(if self.below(6) == 0 { b'\n' } else { b' ' });
        }
        text
    }

    pub(super) fn edit(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(out.len() + 1);
            match self.below(5) {
                0 => drop(out.splice(at..at, self.word().into_bytes())),
                1 => {
                    let end = (at + self.below(30)).min(out.len());
                    drop(out.drain(at..end));
                }
                2 => {
                    let end = (at + self.below(60)).min(out.len());
                    let moved: Vec<u8> = out.drain(at..end).collect();
                    let to = self.below(out.len() + 1);
                    drop(out.splice(to..to, moved));
                }
                3 => {
                    // Cut or repair a key.
                    if let Some(key) = out.windows(4).position(|w| w == b"AKIA") {
                        let to = (key + 1 + self.below(6)).min(out.len());
                        drop(out.splice(to..to, self.word().into_bytes()));
                    }
                }
                _ => {
                    let word = self.text(20);
                    out.splice(at..at, word);
                }
            }
        }
        out
    }
}
