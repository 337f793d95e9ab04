//! `tar c | tar x` between two directories of the guest.

use std::fs;

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{pattern, run};

childproof_test_guests::program!(guest);

fn guest() {
    fs::create_dir_all("/data/from/deep/er").unwrap();
    fs::create_dir("/data/to").unwrap();
    fs::write("/data/from/deep/er/file", pattern(1 << 20)).unwrap();
    fs::write("/data/from/small", "small").unwrap();

    let mut pack = run("tar");
    pack.args(["-cf", "-", "."])
        .current_dir("/data/from")
        .stdout(Stdio::piped());
    let mut pack = pack.spawn().unwrap();
    let mut unpack = run("tar");
    unpack
        .args(["-xf", "-"])
        .current_dir("/data/to")
        .stdin(pack.stdout.take().unwrap());
    assert!(unpack.status().unwrap().success());
    assert!(pack.wait().unwrap().success());
    assert!(fs::read("/data/to/deep/er/file").unwrap() == pattern(1 << 20));
    assert_eq!(fs::read("/data/to/small").unwrap(), b"small");
}
