//! The kernel holds a process to the policy's memory and descriptors.

use childproof_test_guests::{printed, run_piped};

fn main() {
    assert_eq!(printed("ulimit -n; ulimit -Hn"), "8\n8\n");
    assert_eq!(printed("(exec 9< /dev/null) 2> /dev/null || echo refused"), "refused\n");
    assert_eq!(printed("ulimit -c"), "0\n", "nothing dumps core");

    let mut python = run_piped("python3");
    python.args(["-c", "bytearray(1 << 20)\ntry:\n bytearray(1 << 30)\nexcept MemoryError:\n print('no memory')"]);
    let output = python.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "no memory\n");
    assert!(output.status.success());
}
