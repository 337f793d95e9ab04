//! A guest that drops processes the moment they are started, with all that belongs to them.

use std::io::Read;

use childproof_test_guests::sdk::Stdio;
use childproof_test_guests::{run_piped, sh};

childproof_test_guests::program!(guest);

fn guest() {
    let mut pipes = Vec::new();
    for _ in 0..50 {
        drop(run_piped("cat").spawn().unwrap());
        let mut tree = sh("sleep 1000 & exec sleep 1000");
        pipes.extend(tree.stdout(Stdio::piped()).spawn().unwrap().stdout.take());
        drop(run_piped("cat").spawn_hosted().unwrap());
    }
    for mut pipe in pipes {
        // It is at its end once nothing of the tree is left.
        assert_eq!(pipe.read(&mut [0; 1]).unwrap(), 0);
    }
}
