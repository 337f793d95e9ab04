//! A real compiler: it starts programs of its own, reports errors and writes files.

use std::fs;

use childproof_test_guests::{printed, run_piped};

childproof_test_guests::program!(guest);

fn guest() {
    fs::write(
        "/data/good.c",
        "#include <stdio.h>\nint main(void) { puts(\"compiled\"); return 0; }\n",
    )
    .unwrap();
    let output = run_piped("gcc").args(["-o", "good", "good.c"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(printed("./good"), "compiled\n");

    fs::write("/data/bad.c", "int main(void) { return undeclared; }\n").unwrap();
    let output = run_piped("gcc").args(["-o", "bad", "bad.c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("undeclared"));
    assert!(!fs::exists("/data/bad").unwrap());
}
