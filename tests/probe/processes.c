/* Other processes, the host above all, and the ways around a filter of system calls. */
#define _GNU_SOURCE
#include "probe.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int outcome(long answer)
{
	return answer < 0 ? errno : DID;
}

/*
 * The process of an argument. For process 0 most system calls mean the caller: a parent that cannot be seen is none that
 * could be reached.
 */
static pid_t process(const char *argument)
{
	pid_t pid = (pid_t)number(argument);
	if (pid == 0) {
		printf("the parent cannot be seen: could not: ESRCH\n");
		exit(1);
	}
	return pid;
}

static int kill_process(char **a)
{
	return outcome(kill(process(a[0]), 0));
}

static int kill_group(char **a)
{
	return outcome(kill(-process(a[0]), 0));
}

static int kill_all(char **a)
{
	(void)a;
	return outcome(kill(-1, 0));
}

static int open_process(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int pidfd_signal(char **a)
{
	int fd = open_process(process(a[0]));
	if (fd < 0)
		return errno;
	return outcome(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
}

static int pidfd_getfd_(char **a)
{
	int fd = open_process(process(a[0]));
	if (fd < 0)
		return errno;
	int copy = (int)syscall(SYS_pidfd_getfd, fd, number(a[1]), 0);
	if (copy < 0)
		return errno;
	char bytes[256];
	ssize_t got = pread(copy, bytes, sizeof bytes, 0);
	return got < 0 ? errno : show_secrets(bytes, (size_t)got);
}

static int ptrace_seize(char **a)
{
	return outcome(ptrace(PTRACE_SEIZE, process(a[0]), NULL, NULL));
}

static int vm_read(char **a)
{
	char bytes[256];
	const struct iovec here = {bytes, sizeof bytes}, there = {(void *)number(a[1]), sizeof bytes};
	ssize_t got = process_vm_readv(process(a[0]), &here, 1, &there, 1, 0);
	return got < 0 ? errno : show_secrets(bytes, (size_t)got);
}

static int vm_write(char **a)
{
	static const char bytes[] = "overwritten";
	const struct iovec here = {(void *)bytes, sizeof bytes - 1}, there = {(void *)number(a[1]), sizeof bytes - 1};
	return outcome(process_vm_writev(process(a[0]), &here, 1, &there, 1, 0));
}

/* Looks into every process that can be seen. */
static int scan(char **a)
{
	(void)a;
	DIR *processes = opendir("/proc");
	if (!processes)
		return errno;
	int result = ENODATA;
	for (struct dirent *entry; (entry = readdir(processes));) {
		char path[300];
		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
		int fd = open(path, O_RDONLY);
		if (fd >= 0 && show_secrets_of(fd) == DID)
			result = DID;
		snprintf(path, sizeof path, "/proc/%s/cwd/secret", entry->d_name);
		fd = open(path, O_RDONLY);
		if (fd >= 0 && show_secrets_of(fd) == DID)
			result = DID;
	}
	closedir(processes);
	return result;
}

static int prlimit_read(char **a)
{
	struct rlimit limit;
	return outcome(prlimit(process(a[0]), RLIMIT_CPU, NULL, &limit));
}

/* To limit the CPU time of the host would kill it, so the limit that is set is the one that holds anyway. */
static int prlimit_write(char **a)
{
	pid_t pid = process(a[0]);
	struct rlimit limit;
	if (prlimit(pid, RLIMIT_CORE, NULL, &limit))
		return errno;
	return outcome(prlimit(pid, RLIMIT_CORE, &limit, NULL));
}

static int set_priority(char **a)
{
	id_t pid = (id_t)process(a[0]);
	errno = 0;
	int priority = getpriority(PRIO_PROCESS, pid);
	if (errno)
		return errno;
	return outcome(setpriority(PRIO_PROCESS, pid, priority));
}

static int set_affinity(char **a)
{
	pid_t pid = process(a[0]);
	cpu_set_t set;
	if (sched_getaffinity(pid, sizeof set, &set))
		return errno;
	return outcome(sched_setaffinity(pid, sizeof set, &set));
}

static int set_scheduler(char **a)
{
	pid_t pid = process(a[0]);
	struct sched_param parameter;
	int policy = sched_getscheduler(pid);
	if (policy < 0 || sched_getparam(pid, &parameter))
		return errno;
	return outcome(sched_setscheduler(pid, policy, &parameter));
}

static int set_ioprio(char **a)
{
	enum { WHO_PROCESS = 1 };
	pid_t pid = process(a[0]);
	long priority = syscall(SYS_ioprio_get, WHO_PROCESS, pid);
	if (priority < 0)
		return errno;
	return outcome(syscall(SYS_ioprio_set, WHO_PROCESS, pid, priority));
}

static int own_environment(char **a)
{
	(void)a;
	int result = ENODATA;
	for (char **variable = environ; *variable; variable++)
		if (show_secrets(*variable, strlen(*variable)) == DID)
			result = DID;
	return result;
}

/* A process that its parent has to collect, and does not know. */
static int clone_parent(char **a)
{
	(void)a;
	long child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (child < 0)
		return errno;
	if (child == 0)
		_exit(0);
	int is_own = waitpid((pid_t)child, NULL, __WALL) >= 0 || errno != ECHILD;
	return is_own ? misused("the child is its own") : DID;
}

static int io_uring(char **a)
{
	(void)a;
	struct io_uring_params parameters;
	memset(&parameters, 0, sizeof parameters);
	return outcome(syscall(SYS_io_uring_setup, 1, &parameters));
}

#ifdef __x86_64__
static sigjmp_buf no_such_gate;

static void leave(int signal)
{
	(void)signal;
	siglongjmp(no_such_gate, 1);
}

/* getpid by the gate of 32-bit programs. */
static int int80(char **a)
{
	(void)a;
	struct sigaction action = {.sa_handler = leave};
	sigaction(SIGSEGV, &action, NULL);
	if (sigsetjmp(no_such_gate, 1))
		return ENOSYS;
	long answer = 20;
	__asm__ volatile("int $0x80" : "+a"(answer) : : "memory", "r8", "r9", "r10", "r11");
	return (int)answer < 0 ? -(int)answer : (int)answer == getpid() ? DID : ENOSYS;
}

/* getpid by the number that it has in the x32 ABI. */
static int x32(char **a)
{
	(void)a;
	long answer = syscall(0x40000000 | SYS_getpid);
	return answer < 0 ? errno : answer == getpid() ? DID : ENOSYS;
}
#else
static int int80(char **a)
{
	(void)a;
	return ENOSYS;
}

#define x32 int80
#endif

const struct attempt process_attempts[] = {
	{"kill", 1, kill_process, "sends signal 0 to the process PID"},
	{"kill-group", 1, kill_group, "sends signal 0 to the process group PGID"},
	{"kill-all", 0, kill_all, "sends signal 0 to all processes"},
	{"pidfd-signal", 1, pidfd_signal, "sends signal 0 to the process PID through a pidfd"},
	{"pidfd-getfd", 2, pidfd_getfd_, "takes the descriptor FD of the process PID and prints the secret in it"},
	{"ptrace", 1, ptrace_seize, "traces the process PID"},
	{"vm-read", 2, vm_read, "prints the secret in the memory of the process PID at ADDRESS"},
	{"vm-write", 2, vm_write, "writes to the memory of the process PID at ADDRESS"},
	{"scan-processes", 0, scan, "prints the secrets in the environment and working directory of every process"},
	{"prlimit-read", 1, prlimit_read, "reads a limit of the process PID"},
	{"prlimit-write", 1, prlimit_write, "sets a limit of the process PID, to what it is"},
	{"set-priority", 1, set_priority, "sets the priority of the process PID, to what it is"},
	{"set-affinity", 1, set_affinity, "sets the processors of the process PID, to what they are"},
	{"set-scheduler", 1, set_scheduler, "sets the scheduling policy of the process PID, to what it is"},
	{"set-ioprio", 1, set_ioprio, "sets the I/O priority of the process PID, to what it is"},
	{"environment", 0, own_environment, "prints the secrets in its own environment"},
	{"clone-parent", 0, clone_parent, "starts a process that is its parent's child"},
	{"io-uring", 0, io_uring, "sets up an io_uring"},
	{"int80", 0, int80, "makes a system call by the gate of 32-bit programs"},
	{"x32", 0, x32, "makes a system call of the x32 ABI"},
	{0},
};
