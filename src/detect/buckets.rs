//! Which literals are looked for together.
//!
//! A place of a text that may hold one of a bucket is compared with all of it, so literals that differ little belong together, and one
//! whose bytes are frequent should be alone or with its like.
//!
//! [`deal`] is free to put each where it likes. Teddy is only told an [`order`]: `aho_corasick::packed` puts literals into eight buckets,
//! in turn, and looks up the low and the high half of each of a literal's first four bytes apart: what has in each place some low half
//! and some high half of a bucket is compared with all its literals. The order that comes by itself made seven times as many false
//! alarms, which were 40 % of the time of a search.

use crate::proven::lanes::DEPTH;

/// How many buckets there are.
pub(super) const BUCKETS: usize = 8;
/// How many bytes of a literal Teddy looks at.
const LOOKED_AT: usize = 4;

/// How often ASCII occurs in 65,536 bytes of source code: we counted in 53 MB of eleven projects in Python, Go, Java,
/// TypeScript, C and JSON.
#[rustfmt::skip]
const FREQUENCY: [u16; 128] = [
    251, 98, 100, 23, 100, 24, 23, 23, 95, 757, 1578, 23, 23, 54, 22, 24,
    93, 27, 26, 24, 23, 22, 23, 24, 24, 22, 23, 24, 23, 23, 24, 26,
    9788, 38, 2165, 74, 46, 64, 68, 121, 289, 287, 176, 62, 786, 502, 716, 388,
    316, 307, 293, 182, 186, 164, 185, 127, 150, 126, 904, 115, 165, 199, 188, 43,
    133, 298, 113, 232, 162, 233, 135, 93, 100, 249, 53, 68, 180, 171, 215, 139,
    198, 71, 205, 309, 325, 104, 100, 92, 51, 56, 50, 103, 83, 103, 30, 456,
    105, 2568, 492, 1421, 1083, 4175, 703, 736, 770, 2218, 93, 261, 1337, 1029, 2157, 2211,
    1120, 118, 2240, 2234, 3117, 1123, 364, 287, 295, 517, 122, 330, 47, 317, 31, 30,
];
/// Of each other byte.
const OTHER: u16 = 32;

/// Two buckets with fewer false alarms a byte are left as they are.
const FEW: f32 = 2e-5;

/// The halves of the first bytes of some literals, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Halves {
    low: [u16; LOOKED_AT],
    high: [u16; LOOKED_AT],
}

impl Halves {
    fn of(literal: &[u8]) -> Self {
        let mut halves = Self::default();
        for (i, byte) in literal.iter().take(LOOKED_AT).enumerate() {
            halves.low[i] = 1 << (byte & 15);
            halves.high[i] = 1 << (byte >> 4);
        }
        halves
    }

    fn with(mut self, other: &Self) -> Self {
        for i in 0..LOOKED_AT {
            self.low[i] |= other.low[i];
            self.high[i] |= other.high[i];
        }
        self
    }

    /// How likely four bytes are taken for one of the literals, if each byte occurs by chance.
    fn alarms(&self) -> f32 {
        let mut product = 1.0;
        for (&low, &high) in self.low.iter().zip(&self.high) {
            let mut sum = 0;
            for high in bits(high) {
                for low in bits(low) {
                    sum += u32::from(*FREQUENCY.get(high << 4 | low).unwrap_or(&OTHER));
                }
            }
            product *= sum as f32 / 65536.0;
        }
        product
    }
}

/// How likely a byte has one of these low six bits, for one bit each.
fn chance(low: u64) -> f32 {
    let of = |low: usize| {
        let ascii = FREQUENCY[low] + FREQUENCY[low | 64];
        u32::from(ascii + 2 * OTHER)
    };
    (0..64).filter(|i| low >> i & 1 != 0).map(of).sum::<u32>() as f32 / 65536.0
}

/// What the bytes of some literals may be at each place that is looked at: a bit for the low six bits of each.
type Lows = [u64; DEPTH];

fn lows(literal: &[u8]) -> Lows {
    std::array::from_fn(|place| literal.get(place).map_or(u64::MAX, |byte| 1 << (byte & 63)))
}

/// Deal the literals, the most frequent one first, each to the bucket where it adds the fewest alarms. Gives the indexes in each bucket.
pub(super) fn deal(literals: &[&[u8]]) -> [Vec<usize>; BUCKETS] {
    let alarms = |lows: &Lows| lows.iter().map(|l| chance(*l)).product::<f32>();
    let mut by_alarms: Vec<(f32, usize, Lows)> =
        literals.iter().map(|l| lows(l)).enumerate().map(|(i, l)| (alarms(&l), i, l)).collect();
    by_alarms.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut buckets = [const { (Vec::new(), [0; DEPTH]) }; BUCKETS];
    for (_, index, lows) in by_alarms {
        let with = |all: &Lows| -> Lows { std::array::from_fn(|place| all[place] | lows[place]) };
        let more = |all: &Lows| alarms(&with(all)) - alarms(all);
        let more = buckets.each_ref().map(|(_, all)| more(all));
        let best = (0..BUCKETS).min_by(|a, b| more[*a].total_cmp(&more[*b])).unwrap_or_default();
        let (members, all) = &mut buckets[best];
        members.push(index);
        *all = with(all);
    }
    buckets.map(|(members, _)| members)
}

/// The numbers of the bits that are set.
fn bits(mut set: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (bit < 16).then_some(bit)
    })
}

/// Literals that go to one bucket whatever their order, because their low halves are the same.
#[derive(Debug, Clone)]
struct Group {
    members: Vec<usize>,
    halves: Halves,
}

/// A bucket.
#[derive(Debug, Clone, Default)]
struct Bucket {
    groups: Vec<usize>,
    alarms: f32,
}

/// The halves of all these groups but one.
fn halves(groups: &[Group], of: &[usize], but: Option<usize>) -> Halves {
    let kept = of.iter().filter(|g| Some(**g) != but);
    kept.fold(Halves::default(), |all, g| all.with(&groups[*g].halves))
}

/// The literals, by index, in an order in which they make few false alarms.
pub(super) fn order<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Vec<usize> {
    let mut groups: Vec<Group> = Vec::new();
    for (i, literal) in literals.enumerate() {
        let halves = Halves::of(literal);
        match groups.iter_mut().find(|g| g.halves.low == halves.low) {
            Some(group) => {
                group.members.push(i);
                group.halves = group.halves.with(&halves);
            }
            None => groups.push(Group { members: vec![i], halves }),
        }
    }
    let mut buckets = dealt(&groups);
    while swap(&groups, &mut buckets) {}
    let mut order = Vec::new();
    let longest = buckets.iter().map(|b| b.groups.len()).max().unwrap_or(0);
    for round in 0..longest {
        order.extend(buckets.iter().filter_map(|b| b.groups.get(round)).map(|g| groups[*g].members[0]));
    }
    // These follow the first of their group.
    order.extend(groups.iter().flat_map(|g| &g.members[1..]));
    order
}

/// Deal the groups, the one with the most alarms first, each to where it adds the fewest.
fn dealt(groups: &[Group]) -> Vec<Bucket> {
    let mut buckets = vec![Bucket::default(); BUCKETS];
    let mut by_alarms: Vec<(f32, usize)> =
        groups.iter().enumerate().map(|(i, g)| (g.halves.alarms(), i)).collect();
    by_alarms.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, group) in by_alarms {
        // They are filled in turn: the first ones hold one more.
        let room = |at: usize| (groups.len() + BUCKETS - 1 - at) / BUCKETS;
        let with = |b: &Bucket| halves(groups, &b.groups, None).with(&groups[group].halves).alarms();
        let open = buckets.iter().enumerate().filter(|(at, b)| b.groups.len() < room(*at));
        let best = open.map(|(at, b)| (at, with(b))).min_by(|a, b| {
            let more = |(at, alarms): &(usize, f32)| alarms - buckets[*at].alarms;
            more(a).total_cmp(&more(b))
        });
        let Some((at, alarms)) = best else { break };
        buckets[at].groups.push(group);
        buckets[at].alarms = alarms;
    }
    buckets
}

/// Exchange groups of two buckets where that makes fewer alarms. Whether there was anything to exchange.
fn swap(groups: &[Group], buckets: &mut [Bucket]) -> bool {
    let mut swapped = false;
    for right in 1..buckets.len() {
        for left in 0..right {
            if buckets[left].alarms + buckets[right].alarms < FEW {
                continue;
            }
            for i in 0..buckets[left].groups.len() {
                let a = buckets[left].groups[i];
                let without_a = halves(groups, &buckets[left].groups, Some(a));
                for j in 0..buckets[right].groups.len() {
                    let b = buckets[right].groups[j];
                    // By a margin, so that rounding cannot go in circles.
                    let limit = (buckets[left].alarms + buckets[right].alarms) * 0.99;
                    let x = without_a.with(&groups[b].halves).alarms();
                    if x >= limit {
                        continue;
                    }
                    let without_b = halves(groups, &buckets[right].groups, Some(b));
                    let y = without_b.with(&groups[a].halves).alarms();
                    if x + y < limit {
                        (buckets[left].groups[i], buckets[left].alarms) = (b, x);
                        (buckets[right].groups[j], buckets[right].alarms) = (a, y);
                        swapped = true;
                        break;
                    }
                }
            }
        }
    }
    swapped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What Teddy makes of literals in this order.
    fn alarms_in_order(literals: &[&[u8]], order: impl Iterator<Item = usize>) -> f32 {
        let mut buckets = [None::<Halves>; BUCKETS];
        let mut seen: Vec<([u16; LOOKED_AT], usize)> = Vec::new();
        for (place, i) in order.enumerate() {
            let halves = Halves::of(literals[i]);
            let known = seen.iter().find(|(low, _)| *low == halves.low).map(|(_, bucket)| *bucket);
            let bucket = known.unwrap_or(place % BUCKETS);
            seen.push((halves.low, bucket));
            buckets[bucket] = Some(buckets[bucket].map_or(halves, |b| b.with(&halves)));
        }
        buckets.iter().flatten().map(Halves::alarms).sum()
    }

    #[test]
    fn words_are_kept_from_what_would_make_them_noisy() {
        let literals: Vec<&[u8]> =
            "that them then they with word wind work 0000 %%%% ~~~~ ^^^^ @@@@ ???? <<<< ````"
                .split(' ')
                .map(str::as_bytes)
                .collect();
        let best = alarms_in_order(&literals, order(literals.iter().copied()).into_iter());
        let given = alarms_in_order(&literals, 0..literals.len());
        assert!(best < given / 5.0, "{best} {given}");
    }

    proptest! {
        #[test]
        fn the_order_holds_each_literal_once(literals in prop::collection::vec("[a-dA-C0-9=]{4,6}", 0..48)) {
            let literals: Vec<&[u8]> = literals.iter().map(String::as_bytes).collect();
            let order = order(literals.iter().copied());
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..literals.len()).collect::<Vec<_>>());
        }
    }
}
