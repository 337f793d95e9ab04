//! A guest that traps while a pipeline is at work.

use std::io::Read;

use childproof_test_guests::run;
use childproof_test_guests::sdk::Stdio;

childproof_test_guests::program!(guest);

fn guest() {
    let mut writer = run("yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut copier = run("cat")
        .stdin(writer.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    copier.stdout.as_mut().unwrap().read_exact(&mut [0; 1_000]).unwrap();
    panic!("half way");
}
