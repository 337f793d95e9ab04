//! An interpreter that is talked to: a question, an answer, and so on.

use std::io::{BufRead, BufReader, Write};

use childproof_test_guests::run_piped;

const PROGRAM: &str = "
import sys
for line in sys.stdin:
    print(sum(map(int, line.split())), flush=True)
print('bye', file=sys.stderr)
sys.exit(42)
";

childproof_test_guests::program!(guest);

fn guest() {
    let mut child = run_piped("python3").args(["-c", PROGRAM]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 0..100_u64 {
        writeln!(stdin, "{number} {number} 1").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), (2 * number + 1).to_string());
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(42));
    assert_eq!(output.stderr, b"bye\n");
}
