//! A child begins with no signal blocked.

use childproof_test_guests::run_piped;

childproof_test_guests::program!(guest);

fn guest() {
    let status = run_piped("cat").arg("/proc/self/status").output().unwrap().stdout;
    let status = String::from_utf8(status).unwrap();
    for field in ["SigBlk:", "SigPnd:", "ShdPnd:"] {
        let mask = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        assert_eq!(u64::from_str_radix(mask.trim(), 16).unwrap(), 0, "{field} in {status}");
    }
}
