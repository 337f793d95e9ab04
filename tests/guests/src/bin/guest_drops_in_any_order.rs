//! A process, its streams and its pollables can be dropped in any order, alive or ended.

use childproof_test_guests::raw::{Command, StderrTarget, StdinSource, StdoutTarget};

fn main() {
    for ended in [false, true] {
        for order in orders(5) {
            let command = Command::new("cat");
            command.stdin(StdinSource::Piped);
            command.stdout(StdoutTarget::Piped);
            command.stderr(StderrTarget::Piped);
            let process = command.spawn().unwrap();
            if ended {
                process.kill().unwrap();
                process.wait().unwrap();
            }
            let mut pollable = Some(process.subscribe());
            let mut stdin = process.take_stdin();
            let mut stdout = process.take_stdout();
            let mut stderr = process.take_stderr();
            let mut process = Some(process);
            for thing in order {
                match thing {
                    0 => drop(process.take()),
                    1 => drop(pollable.take()),
                    2 => drop(stdin.take()),
                    3 => drop(stdout.take()),
                    _ => drop(stderr.take()),
                }
            }
        }
    }
}

/// All orders of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(count - 1) {
        for place in 0..count {
            let mut longer = order.clone();
            longer.insert(place, count - 1);
            all.push(longer);
        }
    }
    all
}
