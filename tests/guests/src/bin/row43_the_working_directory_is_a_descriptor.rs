//! A process works in the directory that the guest holds, by default in the first it was given.

use std::{env, fs};

use childproof_test_guests::raw::{self, Termination, preopens};
use childproof_test_guests::{sh, status_of};

childproof_test_guests::program!(guest);

fn guest() {
    fs::create_dir_all("/data/sub/deeper").unwrap();
    for directory in ["/data", "/data/sub", "/data/sub/deeper", "/data/sub/../sub/deeper/."] {
        assert!(
            sh("echo here > mark")
                .current_dir(directory)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(fs::read_to_string(format!("{directory}/mark")).unwrap(), "here\n");
        fs::remove_file(format!("{directory}/mark")).unwrap();
    }
    // A relative path begins where the guest's own relative paths do: at the root, until it goes elsewhere.
    let works_in_sub = |relative: &str| {
        assert!(sh("echo here > mark").current_dir(relative).status().unwrap().success());
        fs::remove_file("/data/sub/mark").unwrap();
    };
    works_in_sub("data/sub");
    for (current, relative) in [("/data", "sub"), ("/data/sub", "../sub/./"), ("/data/sub", ".")] {
        env::set_current_dir(current).unwrap();
        works_in_sub(relative);
    }
    assert!(status_of("echo here > mark").success());
    assert!(fs::exists("/data/mark").unwrap());

    // The command keeps what it was lent, under whatever name that is by then.
    let (data, _) = preopens::get_directories().pop().unwrap();
    let command = raw::sh("echo moved > moved");
    let sub = raw::open_at(&data, "sub", raw::OpenFlags::DIRECTORY, raw::DescriptorFlags::READ);
    command.cwd(&sub, Some("deeper"));
    drop(sub);
    fs::rename("/data/sub", "/data/renamed").unwrap();
    assert!(matches!(
        raw::wait(&command.spawn().unwrap()).unwrap().termination,
        Termination::Exited(0)
    ));
    assert!(fs::exists("/data/renamed/deeper/moved").unwrap());
}
