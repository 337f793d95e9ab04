//! A thousand processes at once, all of them answering.

use std::io::{Read, Write};

use childproof_test_guests::cat;
use childproof_test_guests::sdk::Child;

childproof_test_guests::program!(guest);

fn guest() {
    let mut children: Vec<Child> = (0..1_000).map(|_| cat()).collect();
    for (index, child) in children.iter_mut().enumerate() {
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(&(index as u32).to_le_bytes()).unwrap();
    }
    for (index, child) in children.iter_mut().enumerate() {
        let mut answer = [0; 4];
        child.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
        assert_eq!(u32::from_le_bytes(answer), index as u32);
    }
    // Half of them are told to end, the other half goes with the guest.
    for child in &mut children[..500] {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}
