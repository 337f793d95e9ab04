//! Neither `PATH` nor the working directory decides what a grant runs.

use childproof_test_guests::run;
use childproof_test_guests::sdk::Stdio;

childproof_test_guests::program!(guest);

fn guest() {
    // The policy lets it through; the host put a program of its own, `cat`, into `/data`, whose path is the argument.
    let impostors = std::env::args().nth(1).unwrap();
    for path in [impostors.as_str(), ".", "", "/nowhere"] {
        let mut cat = run("cat");
        cat.env("PATH", path)
            .current_dir("/data")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let output = cat.spawn().unwrap().communicate(b"the real one").unwrap();
        assert_eq!(output.stdout.unwrap(), b"the real one");
    }
}
