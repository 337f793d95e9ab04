//! Kernels that are older, or have less left, than the one that runs the tests.

use std::env::consts::ARCH;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};

/// From here on the kernel tells this process of no child that somebody else collected, as before Linux 6.15.
pub fn forget_collected_children() {
    // PIDFD_GET_INFO, whatever the size of its struct, which is in the upper half of the number.
    let (kind, number) = (0xff, 11);
    let request = kind << 8 | number;
    let is_it = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(0xffff), request)
        .and_then(|condition| SeccompRule::new(vec![condition]));
    refuse(libc::SYS_ioctl, vec![is_it.expect("a valid rule")], libc::ENOTTY);
}

/// From here on no new process can be started, for the reason `errno`. Threads can.
pub fn refuse_processes(errno: i32) {
    let vfork = libc::CLONE_VFORK as u64;
    let is_process = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(vfork), vfork)
        .and_then(|condition| SeccompRule::new(vec![condition]));
    refuse(libc::SYS_clone, vec![is_process.expect("a valid rule")], errno);
}

/// From here on there are no new user namespaces, as in a container with the usual filter.
pub fn refuse_user_namespaces() {
    let user = libc::CLONE_NEWUSER as u64;
    let asks_for_one = || {
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(user), user);
        let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
        vec![rule.expect("a valid rule")]
    };
    refuse(libc::SYS_unshare, asks_for_one(), libc::EPERM);
    refuse(libc::SYS_clone, asks_for_one(), libc::EPERM);
    // Its flags lie in memory, where a filter does not see them.
    refuse(libc::SYS_clone3, Vec::new(), libc::ENOSYS);
}

fn refuse(call: libc::c_long, rules: Vec<SeccompRule>, errno: i32) {
    let filter = SeccompFilter::new(
        [(call, rules)].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        ARCH.try_into().expect("an architecture with seccomp"),
    );
    let program = filter.and_then(BpfProgram::try_from);
    apply_filter_all_threads(&program.expect("a valid filter")).expect("the kernel has seccomp");
}
