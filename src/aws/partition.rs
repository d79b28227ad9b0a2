//! Which partition of AWS a text speaks of: a credential is valid in one of them, and region names and ARNs give it away.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::base;
use crate::finding::Partition;

/// What only texts about a partition hold.
const MARKS: &[(&[u8], Partition)] = &[
    (b"cn-north-1", Partition::China),
    (b"cn-northwest-1", Partition::China),
    (b"amazonaws.com.cn", Partition::China),
    (b"arn:aws-cn:", Partition::China),
    (b"us-gov-west-1", Partition::Gov),
    (b"us-gov-east-1", Partition::Gov),
    (b"arn:aws-us-gov:", Partition::Gov),
    (b"eusc-de-east-1", Partition::Europe),
    (b"amazonaws.eu", Partition::Europe),
    (b"arn:aws-eusc:", Partition::Europe),
    (b"arn:aws:", Partition::Aws),
    (b"us-east-", Partition::Aws),
    (b"us-west-", Partition::Aws),
    (b"eu-central-", Partition::Aws),
    (b"eu-north-", Partition::Aws),
    (b"eu-south-", Partition::Aws),
    (b"eu-west-", Partition::Aws),
    (b"ap-east-", Partition::Aws),
    (b"ap-northeast-", Partition::Aws),
    (b"ap-south-", Partition::Aws),
    (b"ap-southeast-", Partition::Aws),
    (b"ca-central-", Partition::Aws),
    (b"ca-west-", Partition::Aws),
    (b"sa-east-", Partition::Aws),
    (b"af-south-", Partition::Aws),
    (b"il-central-", Partition::Aws),
    (b"me-central-", Partition::Aws),
    (b"me-south-", Partition::Aws),
    (b"mx-central-", Partition::Aws),
];

static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new(MARKS.iter().map(|mark| mark.0)).expect("a few short words fit any automaton")
});

/// The partition whose mark stands nearest to position `at` of `text`; of two as near, the earlier one.
pub fn nearest(text: &[u8], at: usize) -> Option<Partition> {
    let marks = SEARCH.find_iter(text).map(|m| (m.start().abs_diff(at), m.pattern()));
    marks.min_by_key(|m| m.0).map(|m| MARKS[m.1.as_usize()].1)
}

/// The partition that a session token was made in: its content names the region, where it names one.
pub fn of_token(token: &str) -> Option<Partition> {
    let bytes = base::base64_decode(token.trim_end_matches('=').as_bytes())?;
    nearest(&bytes, 0)
}

/// The partition of an ARN.
pub fn of_arn(arn: &str) -> Option<Partition> {
    let name = arn.strip_prefix("arn:")?.split(':').next()?;
    [Partition::Aws, Partition::Gov, Partition::China, Partition::Europe]
        .into_iter()
        .find(|p| p.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_arns_tell_the_partition_and_the_nearest_one_wins() {
        for (text, at, expected) in [
            ("region = cn-northwest-1", 0, Some(Partition::China)),
            ("https://s3.cn-north-1.amazonaws.com.cn/x", 0, Some(Partition::China)),
            ("arn:aws-us-gov:iam::1:user/x", 0, Some(Partition::Gov)),
            ("AWS_REGION=us-gov-east-1", 0, Some(Partition::Gov)),
            ("region: eusc-de-east-1", 0, Some(Partition::Europe)),
            ("arn:aws:iam::1:user/x", 0, Some(Partition::Aws)),
            ("eu-west-3 ............ KEY cn-north-1", 23, Some(Partition::China)),
            ("eu-west-3 KEY ............ cn-north-1", 10, Some(Partition::Aws)),
            ("nothing of the kind", 0, None),
            ("", 0, None),
        ] {
            assert_eq!(nearest(text.as_bytes(), at), expected, "{text}");
        }
        assert_eq!(of_arn("arn:aws-cn:iam::123:user/x"), Some(Partition::China));
        assert_eq!(of_arn("arn:aws:sts::123:assumed-role/a/b"), Some(Partition::Aws));
        assert!([of_arn("aws"), of_arn("arn:aws-iso:x"), of_arn("")].iter().all(Option::is_none));
    }

    #[test]
    fn tokens_tell_their_region() {
        // "\x21\x0a\x09origin_ec", some bytes, "\x0cus-gov-west-1"
        for (token, expected) in [
            ("IQoJb3JpZ2luX2VjEAEaDXVzLWdvdi13ZXN0LTE", Some(Partition::Gov)),
            ("IQoJb3JpZ2luX2VjEAEaDXVzLWdvdi13ZXN0LTE=", Some(Partition::Gov)),
            ("IQoJb3JpZ2luX2VjEAEaCmNuLW5vcnRoLTE", Some(Partition::China)),
            ("IQoJb3JpZ2luX2VjEAEaCXVzLWVhc3QtMSJH", Some(Partition::Aws)),
            ("FQoGZXIvYXdzEXAMPLE", None),
            ("%%%", None),
        ] {
            assert_eq!(of_token(token), expected, "{token}");
        }
    }
}
