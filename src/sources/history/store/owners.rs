//! Which of several copies of an object is the one to look at.

use gix::ObjectId;

use super::loose::Loose;
use super::pack::Pack;

/// The first pack that holds an object owns it; loose files own what is in no pack.
#[derive(Debug)]
pub(super) struct Owners {
    /// For each pack, the positions in its index that it does not own; sorted. Mostly empty.
    not_owned: Vec<Vec<u32>>,
    /// Ids of loose objects that are in no pack, sorted.
    pub(super) loose: Vec<ObjectId>,
    /// How many different objects there are.
    pub(super) count: u64,
}

impl Owners {
    pub(super) fn new(packs: &[Pack], loose: &Loose) -> Self {
        let mut not_owned = vec![Vec::new(); packs.len()];
        if let [pack] = packs {
            let index = pack.index();
            not_owned[0].extend((1..index.len).filter(|&p| index.id(p) == index.id(p - 1)).map(|p| p as u32));
        } else {
            // Bucket by bucket, so that little memory is taken: sort by the start of the id, and look at neighbours.
            let mut bucket: Vec<(u64, u32, u32)> = Vec::new();
            for byte in 0..=255u8 {
                bucket.clear();
                for (number, pack) in packs.iter().enumerate() {
                    let index = pack.index();
                    bucket.extend(index.bucket(byte).map(|position| {
                        let start = index.id(position).as_bytes().first_chunk::<8>();
                        (start.map_or(0, |b| u64::from_be_bytes(*b)), number as u32, position as u32)
                    }));
                }
                bucket.sort_unstable();
                let id = |&(_, pack, position): &(u64, u32, u32)| {
                    packs[pack as usize].index().id(position as usize)
                };
                for group in bucket.chunk_by_mut(|a, b| a.0 == b.0).filter(|g| g.len() > 1) {
                    // Of copies the first pack's comes first still: the sort is stable.
                    group.sort_by(|a, b| id(a).cmp(id(b)));
                    for pair in group.windows(2).filter(|pair| id(&pair[0]) == id(&pair[1])) {
                        not_owned[pair[1].1 as usize].push(pair[1].2);
                    }
                }
            }
            for positions in &mut not_owned {
                positions.sort_unstable();
            }
        }
        let mut loose: Vec<ObjectId> =
            loose.ids().filter(|id| packs.iter().all(|p| p.index().find(id).is_none())).collect();
        loose.sort_unstable();
        let packed: usize = packs.iter().zip(&not_owned).map(|(p, n)| p.index().len - n.len()).sum();
        Self { count: (packed + loose.len()) as u64, not_owned, loose }
    }

    /// Whether the object at a position in a pack's index is to be looked at there.
    pub(super) fn owns(&self, pack: usize, position: usize) -> bool {
        self.not_owned[pack].is_empty() || self.not_owned[pack].binary_search(&(position as u32)).is_err()
    }

    /// Whether a pack owns all that it holds.
    pub(super) fn owns_all(&self, pack: usize) -> bool {
        self.not_owned[pack].is_empty()
    }
}
