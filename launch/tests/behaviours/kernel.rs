//! What is said of the kernel is what it does.

use childproof_launch::{Confinement, Kernel, Need, Tier};

use crate::support::{Refusal, in_own_process, name, open_descriptors, refuse};

#[test]
fn a_kernel_that_gives_everything_is_said_to() {
    let kernel = Kernel::probe();
    // A profile takes all of these.
    Confinement::new(Tier::Full).build().unwrap();
    kernel.user_namespaces.unwrap();
    kernel.mount_namespaces.unwrap();
    kernel.other_namespaces.unwrap();
    kernel.seccomp.unwrap();
    assert!(kernel.landlock.unwrap() >= 1);
}

#[test]
fn a_refusal_of_one_thing_is_told_from_the_others() {
    in_own_process(name!(a_refusal_of_one_thing_is_told_from_the_others), || {
        refuse(Refusal {
            call: libc::SYS_landlock_create_ruleset,
            argument: None,
            errno: libc::EOPNOTSUPP,
        });
        let kernel = Kernel::probe();
        let error = kernel.landlock.unwrap_err();
        assert_eq!((error.need(), error.errno()), (Need::Landlock, Some(libc::EOPNOTSUPP)));
        assert!(error.help().contains("`lsm=`"), "{error}");
        kernel.user_namespaces.unwrap();

        refuse(Refusal {
            call: libc::SYS_clone,
            argument: Some((0, libc::CLONE_NEWNET as u32)),
            errno: libc::EPERM,
        });
        let kernel = Kernel::probe();
        kernel.user_namespaces.unwrap();
        kernel.mount_namespaces.unwrap();
        assert_eq!(kernel.other_namespaces.unwrap_err().errno(), Some(libc::EPERM));

        refuse(Refusal {
            call: libc::SYS_mount,
            argument: None,
            errno: libc::EACCES,
        });
        let kernel = Kernel::probe();
        kernel.user_namespaces.unwrap();
        assert_eq!(kernel.mount_namespaces.unwrap_err().errno(), Some(libc::EACCES));

        refuse(Refusal {
            call: libc::SYS_ioctl,
            argument: None,
            errno: libc::ENOTTY,
        });
        assert!(!Kernel::probe().kept_status);

        refuse(Refusal {
            call: libc::SYS_clone,
            argument: Some((0, libc::CLONE_NEWUSER as u32)),
            errno: libc::EPERM,
        });
        let error = Kernel::probe().user_namespaces.unwrap_err();
        assert_eq!((error.need(), error.errno()), (Need::UserNamespace, Some(libc::EPERM)));
        assert!(!error.help().is_empty(), "{error}");

        refuse(Refusal {
            call: libc::SYS_seccomp,
            argument: None,
            errno: libc::ENOSYS,
        });
        assert_eq!(Kernel::probe().seccomp.unwrap_err().need(), Need::Seccomp);
    });
}

#[test]
fn asking_leaves_the_host_as_it_was() {
    in_own_process(name!(asking_leaves_the_host_as_it_was), || {
        let status = || std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let of = |key: &str| status().lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        let state = || {
            (
                ["NoNewPrivs", "Seccomp:", "SigBlk", "CapEff"].map(of),
                mounts(),
                open_descriptors(),
            )
        };
        let before = state();
        Kernel::probe();
        assert_eq!(state(), before);
        // SAFETY: the call takes numbers.
        assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE) }, 1);
    });
}

fn mounts() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap()
}
