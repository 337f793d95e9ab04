//! A child holds its three streams and nothing else, whatever the host leaves open.

use childproof_test_guests::printed;

childproof_test_guests::program!(guest);

fn guest() {
    // The directory that `ls` reads is its own.
    let listed = printed("exec ls -l /proc/self/fd");
    let foreign: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains(" -> "))
        .filter(|line| !["0", "1", "2"].iter().any(|fd| line.contains(&format!(" {fd} -> "))))
        .filter(|line| !line.contains("/proc/"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert_eq!(
        listed.lines().filter(|line| line.contains(" -> ")).count(),
        4,
        "{listed}"
    );
}
