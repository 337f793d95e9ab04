//! Standard error can go where standard output goes, in the order of writing.

use childproof_test_guests::sdk::{File, Stdio};
use childproof_test_guests::sh;

childproof_test_guests::program!(guest);

fn guest() {
    let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done";
    let expected: String = (0..500).map(|index| format!("out {index}\nerr {index}\n")).collect();

    let mut command = sh(script);
    command.stdout(Stdio::piped()).stderr_to_stdout();
    let child = command.spawn().unwrap();
    assert!(child.stderr.is_none(), "it has no pipe of its own");
    assert_eq!(
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(),
        expected
    );

    let mut command = sh(script);
    command.stdout(File::create("/data/both").unwrap()).stderr_to_stdout();
    assert!(command.status().unwrap().success());
    assert_eq!(std::fs::read_to_string("/data/both").unwrap(), expected);
}
