//! The program built without the feature `verify`.

use crate::support::{TestEnv, id, pair, secret};

#[test]
fn a_program_without_verification_says_so_and_scans() {
    let env = TestEnv::new();
    env.write("a.ini", pair(0));
    for args in [&["files", ".", "--verify"][..], &["staged", "--verify"], &["verify", &id(0)]] {
        let run = env.run_with_stdin(args, secret(0).as_bytes());
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{args:?}");
        assert!(run.stderr.contains("built without verification"), "{}", run.stderr);
    }
    assert_eq!(env.run(&["files", "."]).status, 1);
}
