//! Accounts of services that hand out keys as tripwires: using such a key tells its owner.
//!
//! The numbers are those that other scanners publish, last changed in April 2025. Tripwires in accounts of their owners
//! cannot be told from other keys.

/// A known tripwire account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    /// Thinkst Canary and canarytokens.org.
    Thinkst,
    /// Another service.
    Other,
}

const THINKST: [&str; 10] = [
    "052310077262",
    "171436882533",
    "266735846894",
    "534261010715",
    "595918472158",
    "717712589309",
    "730335385048",
    "819147034852",
    "893192397702",
    "992382622183",
];

const OTHER: [&str; 16] = [
    "044858866125",
    "251535659677",
    "344043088457",
    "351906852752",
    "390477818340",
    "426127672474",
    "427150556519",
    "439872796651",
    "445142720921",
    "465867158099",
    "637958123769",
    "693412236332",
    "732624840810",
    "735421457923",
    "959235150393",
    "982842642351",
];

/// The service an account of 12 digits belongs to, if it is a known tripwire.
pub fn of(account: &str) -> Option<Canary> {
    if THINKST.contains(&account) {
        Some(Canary::Thinkst)
    } else if OTHER.contains(&account) {
        Some(Canary::Other)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_sorted_account_numbers_once() {
        for list in [&THINKST[..], &OTHER[..]] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
            assert!(list.iter().all(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit())), "{list:?}");
        }
        assert_eq!(of("052310077262"), Some(Canary::Thinkst));
        assert_eq!(of("982842642351"), Some(Canary::Other));
        assert_eq!(of("210987654321"), None);
    }
}
