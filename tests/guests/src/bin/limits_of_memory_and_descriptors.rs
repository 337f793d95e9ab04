//! The kernel holds a process to the policy's memory and descriptors.

use childproof_test_guests::{printed, run_piped};

const PROGRAM: &str = "
import errno
bytearray(1 << 20)
try:
    bytearray(1 << 30)
except MemoryError:
    print('no memory')
files = []
try:
    while len(files) < 64:
        files.append(open('/dev/null'))
except OSError as error:
    if error.errno == errno.EMFILE:
        print('no descriptor')
";

childproof_test_guests::program!(guest);

fn guest() {
    assert_eq!(printed("ulimit -n; ulimit -Hn"), "64\n64\n");
    assert_eq!(printed("ulimit -c"), "0\n", "nothing dumps core");

    let output = run_piped("python3").args(["-c", PROGRAM]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "no memory\nno descriptor\n");
    assert!(output.status.success());
}
