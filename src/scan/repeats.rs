//! An id that a text names again is no further credential. The detector folds what it sees at once; a text that it sees
//! in pieces is folded here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::finding::Finding;

/// Make every id without a secret a further location of the same id with one, or else of its first place. Takes the
/// findings of one text in their order.
pub(super) fn fold_repeats(mut findings: Vec<Finding>) -> Vec<Finding> {
    if findings.len() < 2 {
        return findings;
    }
    let mut heads: HashMap<(Arc<str>, Box<str>), usize> = HashMap::new();
    for (i, finding) in findings.iter().enumerate() {
        let Some(key_id) = &finding.key_id else { continue };
        let head = heads.entry((Arc::clone(&finding.rule_id), key_id.clone())).or_insert(i);
        if findings[*head].secret.is_none() && finding.secret.is_some() {
            *head = i;
        }
    }
    let mut others = vec![Vec::new(); findings.len()];
    let mut index = 0;
    let mut kept = Vec::new();
    findings.retain_mut(|finding| {
        let i = index;
        index += 1;
        let head = match (&finding.key_id, &finding.secret) {
            (Some(key_id), None) => heads[&(Arc::clone(&finding.rule_id), key_id.clone())],
            _ => i,
        };
        if head == i {
            kept.push(i);
            return true;
        }
        others[head].push(finding.location.clone());
        others[head].append(&mut finding.other_locations);
        false
    });
    for (finding, i) in findings.iter_mut().zip(kept) {
        finding.other_locations.append(&mut others[i]);
        finding.other_locations.sort_unstable();
        finding.other_locations.dedup();
    }
    findings
}
