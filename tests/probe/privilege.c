/* More rights than a process was started with. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child that was to be in a namespace of its own says by having been started at all. */
static int started(long child)
{
	if (child < 0)
		return errno;
	if (child == 0)
		_exit(0);
	int status;
	return waitpid((pid_t)child, &status, 0) == child && WIFEXITED(status) ? DID : misused("the child did not exit");
}

static int setuid_program(char **a)
{
	char *argv[] = {"probe", "is-another-user", NULL}, *envp[] = {NULL};
	execve(a[0], argv, envp);
	return errno;
}

static int unshare_user(char **a)
{
	(void)a;
	return unshare(CLONE_NEWUSER) ? errno : DID;
}

static int clone_user(char **a)
{
	(void)a;
	return started(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int clone3_user(char **a)
{
	(void)a;
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	return started(syscall(SYS_clone3, &arguments, sizeof arguments));
}

static int enter_namespace(char **a)
{
	int fd = open(a[0], O_RDONLY);
	if (fd < 0)
		return errno;
	return setns(fd, 0) ? errno : DID;
}

static int mount_tmpfs(char **a)
{
	if (mount("none", a[0], "tmpfs", 0, NULL))
		return errno;
	return umount2(a[0], MNT_DETACH) ? misused("what was mounted stays mounted") : DID;
}

static int open_mount_tree(char **a)
{
	return syscall(SYS_open_tree, AT_FDCWD, a[0], OPEN_TREE_CLONE) < 0 ? errno : DID;
}

static int user_namespace_mount(char **a)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return errno;
	return mount(a[0], a[0], NULL, MS_BIND | MS_REC, NULL) ? errno : DID;
}

static int change_root(char **a)
{
	return chroot(a[0]) ? errno : DID;
}

/* In a mount namespace of its own, so that nobody else's root changes. */
static int pivot(char **a)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(a[0], a[0], NULL, MS_BIND, NULL) || chdir(a[0]))
		return errno;
	return syscall(SYS_pivot_root, ".", ".") ? errno : DID;
}

static int capabilities(char **a)
{
	(void)a;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	if (syscall(SYS_capget, &header, sets))
		return misused("capget failed");
	uint32_t any = 0;
	for (int set = 0; set < _LINUX_CAPABILITY_U32S_3; set++)
		any |= sets[set].effective | sets[set].permitted | sets[set].inheritable;
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		any |= prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1;
	return any ? DID : EPERM;
}

static int capability_bound(char **a)
{
	(void)a;
	for (int capability = 0, has; (has = prctl(PR_CAPBSET_READ, capability, 0, 0, 0)) >= 0; capability++)
		if (has)
			return DID;
	return EPERM;
}

static int new_privileges(char **a)
{
	(void)a;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? DID : EPERM;
}

static int raise_limit(char **a)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return misused("getrlimit failed");
	limit.rlim_max += (rlim_t)number(a[0]);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) ? errno : DID;
}

const struct attempt privilege_attempts[] = {
	{"setuid-program", 1, setuid_program, "becomes the owner of the set-user-ID program PATH"},
	{"unshare-user", 0, unshare_user, "enters a new user namespace with unshare"},
	{"clone-user", 0, clone_user, "starts a process in a new user namespace with clone"},
	{"clone3-user", 0, clone3_user, "starts a process in a new user namespace with clone3"},
	{"enter-namespace", 1, enter_namespace, "enters the namespace PATH"},
	{"mount", 1, mount_tmpfs, "mounts a file system at PATH"},
	{"open-tree", 1, open_mount_tree, "makes a mount of PATH without a place for it"},
	{"user-namespace-mount", 1, user_namespace_mount, "mounts PATH in a user namespace of its own"},
	{"chroot", 1, change_root, "makes PATH its root"},
	{"pivot-root", 1, pivot, "makes PATH the root of its mount namespace"},
	{"capabilities", 0, capabilities, "looks for a permitted, effective, inheritable or ambient capability"},
	{"capability-bound", 0, capability_bound, "looks for a capability that a program could still bring"},
	{"new-privileges", 0, new_privileges, "looks whether a program may bring privileges"},
	{"raise-limit", 1, raise_limit, "raises the limit of open files to COUNT above its maximum"},
	{0},
};
