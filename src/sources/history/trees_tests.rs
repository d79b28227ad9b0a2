use proptest::prelude::*;

use super::*;

fn tree(entries: &[(bool, u8, u8)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (is_tree, name, id) in entries {
        bytes.extend(if *is_tree { &b"40000 "[..] } else { b"100644 " });
        bytes.extend(std::iter::repeat_n(b'a' + name % 4, usize::from(*name) % 7 + 1));
        if name % 5 == 0 {
            // Such names look like the beginning of an entry.
            bytes.extend_from_slice(b"100644 a");
        }
        bytes.push(0);
        bytes.extend([*id; 20]);
    }
    bytes
}

proptest! {
    /// Whatever tree came before, the state is the same as if there had been none.
    #[test]
    fn only_the_difference_is_read_and_nothing_is_lost(
        first in prop::collection::vec((any::<bool>(), 0u8..40, 0u8..6), 0..40),
        edits in prop::collection::vec((0usize..40, 0u8..4, (any::<bool>(), 0u8..40, 0u8..6)), 0..12)
    ) {
        let mut sequence = vec![first];
        for (at, what, new) in edits {
            let mut next = sequence[sequence.len() - 1].clone();
            let at = at % (next.len() + 1);
            match (what, next.get_mut(at)) {
                (0, Some(entry)) => entry.2 = new.2,
                (1, Some(entry)) => *entry = new,
                (2, Some(_)) => drop(next.remove(at)),
                _ => next.insert(at, new),
            }
            if what == 0 {
                // Two edits at once.
                next.rotate_left(at);
            }
            sequence.push(next);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(folder.path(), HashKind::Sha1);
        let target = ObjectId::try_from(&[3u8; 20][..]).expect("20 bytes");
        let targets: HashMap<ObjectId, u32> = [(target, 0)].into_iter().collect();
        let pass = Pass {
            store: &store,
            hash: HashKind::Sha1,
            wanted: Wanted { targets: &targets, trees: &[], check: true, stopped: &|| false },
            edges: true,
            index: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            next: AtomicU32::new(0),
            slots: Vec::new(),
        };
        let mut running = Slot::default();
        let mut missing: HashSet<ObjectId> = HashSet::default();
        for entries in &sequence {
            let bytes = tree(entries);
            let mut fresh = Slot::default();
            prop_assert!(pass.update(&mut running, &bytes));
            prop_assert!(pass.update(&mut fresh, &bytes));
            prop_assert_eq!(&running.last.bytes, &bytes);
            prop_assert_eq!(&running.last.starts, &fresh.last.starts);
            prop_assert_eq!(&running.last.trees, &fresh.last.trees);
            prop_assert_eq!(&running.last.targets, &fresh.last.targets);
            missing.extend(fresh.missing);
        }
        prop_assert_eq!(running.missing, missing);
    }
}
