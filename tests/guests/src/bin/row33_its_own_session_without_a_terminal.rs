//! A child leads a session and a process group of its own and has no terminal.

use childproof_test_guests::{printed, status_of};

childproof_test_guests::program!(guest);

fn guest() {
    let stat = printed("cat /proc/$$/stat");
    let (pid, fields) = (stat.split_once(' ').unwrap().0, stat.rsplit_once(')').unwrap().1);
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let (group, session, terminal) = (fields[2], fields[3], fields[4]);
    assert_eq!((group, session, terminal), (pid, pid, "0"));
    assert!(!status_of("exec 3< /dev/tty").success());
}
