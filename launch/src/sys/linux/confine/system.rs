//! What this system forbids, and how its operator allows it.

use super::super::raw::Errno;
use crate::Need;

/// What would bring what is missing, as far as it can be told.
pub(super) fn help(need: Need, Errno(errno): Errno) -> String {
    let text = match need {
        Need::Landlock => match errno {
            libc::EOPNOTSUPP => "Landlock is switched off: add `landlock` to the kernel's parameter `lsm=`",
            _ => "the kernel is too old or was built without it: it takes CONFIG_SECURITY_LANDLOCK",
        },
        Need::Seccomp => "the kernel takes CONFIG_SECCOMP_FILTER",
        Need::Init => "the system forbids to execute from memory: set vm.memfd_noexec to 0 or 1",
        Need::UserNamespace | Need::Identity | Need::Namespaces | Need::Root | Need::Directory | Need::Mount => {
            user_namespaces(need, errno)
        }
        _ => "",
    };
    text.to_owned()
}

fn user_namespaces(need: Need, errno: i32) -> &'static str {
    let is = |file: &str, value: &str| std::fs::read_to_string(file).is_ok_and(|text| text.trim() == value);
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1";
    }
    if is("/proc/sys/user/max_user_namespaces", "0") {
        return "allow user namespaces: sysctl user.max_user_namespaces=10000";
    }
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return "AppArmor allows user namespaces only to programs that it knows: give this one a profile with `userns,`, or \
                set sysctl kernel.apparmor_restrict_unprivileged_userns=0";
    }
    match (need, errno) {
        (Need::UserNamespace, libc::ENOSPC) => {
            "there are too many user namespaces: raise sysctl user.max_user_namespaces"
        }
        (Need::UserNamespace | Need::Namespaces, libc::EPERM | libc::ENOSYS) => {
            "a filter of system calls forbids it, as in containers by default: allow unshare(2), mount(2) and setns(2) there \
             (with Docker, --security-opt seccomp=PROFILE), or choose the tier `reduced`"
        }
        (Need::UserNamespace, libc::EINVAL) => "the kernel was built without it: it takes CONFIG_USER_NS",
        _ => "",
    }
}
