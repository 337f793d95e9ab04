//! A child begins with no signal blocked.

use childproof_test_guests::printed;

fn main() {
    let status = printed("cat /proc/$$/status");
    for field in ["SigBlk:", "SigPnd:", "ShdPnd:"] {
        let mask = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        assert_eq!(u64::from_str_radix(mask.trim(), 16).unwrap(), 0, "{field} in {status}");
    }
}
