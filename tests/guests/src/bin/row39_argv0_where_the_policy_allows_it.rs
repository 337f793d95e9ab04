//! A process's own name is the grant's, or what the guest says where the policy lets it.

use childproof_test_guests::{refused, run_piped, sdk};

childproof_test_guests::program!(guest);

fn guest() {
    let name_of = |command: &mut sdk::Command| {
        String::from_utf8(command.args(["-c", "echo \"$0\""]).output().unwrap().stdout).unwrap()
    };
    assert_eq!(name_of(&mut run_piped("sh")), "sh\n");
    assert_eq!(name_of(&mut run_piped("renamed")), "renamed\n");
    assert_eq!(name_of(run_piped("renamed").arg0("another name")), "another name\n");
    assert_eq!(refused(run_piped("sh").arg0("other").spawn()), "argv0");
}
