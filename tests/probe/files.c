/* Files: what lies outside of the grant, and what may only be read. */
#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What a system call's answer is as an attempt's. */
static int outcome(long answer)
{
	return answer < 0 ? errno : DID;
}

/* The same for one that answers a descriptor, which is not needed. */
static int opened(int fd)
{
	if (fd < 0)
		return errno;
	close(fd);
	return DID;
}

static int read_file(char **a)
{
	int fd = open(a[0], O_RDONLY | O_NONBLOCK);
	return fd < 0 ? errno : show_secrets_of(fd);
}

static int read_at(char **a)
{
	char bytes[256];
	int fd = open(a[0], O_RDONLY);
	if (fd < 0)
		return errno;
	ssize_t got = pread(fd, bytes, sizeof bytes, number(a[1]));
	return got < 0 ? errno : show_secrets(bytes, (size_t)got);
}

static int write_file(char **a)
{
	int fd = open(a[0], O_WRONLY);
	if (fd < 0)
		return errno;
	return outcome(write(fd, "overwritten", 11));
}

/* What may be read is opened to be read, and once more through the descriptor, to be written. */
static int reopen(char **a)
{
	char link[64];
	int fd = open(a[0], O_RDONLY);
	if (fd < 0)
		return errno;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	return write_file(&(char *){link});
}

static int truncate_file(char **a)
{
	return outcome(truncate(a[0], 0));
}

static int create_file(char **a)
{
	return opened(open(a[0], O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static int make_directory(char **a)
{
	return outcome(mkdir(a[0], 0755));
}

static int unlink_file(char **a)
{
	return outcome(unlink(a[0]));
}

static int rename_file(char **a)
{
	return outcome(rename(a[0], a[1]));
}

static int link_file(char **a)
{
	return outcome(link(a[0], a[1]));
}

static int chmod_file(char **a)
{
	return outcome(chmod(a[0], 0600));
}

static int utimes_file(char **a)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	return outcome(utimensat(AT_FDCWD, a[0], times, 0));
}

static int setxattr_file(char **a)
{
	return outcome(setxattr(a[0], "user.childproof", "set", 3, 0));
}

static int stat_file(char **a)
{
	struct stat stat;
	if (lstat(a[0], &stat))
		return errno;
	printf("inode %llu\n", (unsigned long long)stat.st_ino);
	return DID;
}

static int list_directory(char **a)
{
	DIR *directory = opendir(a[0]);
	if (!directory)
		return errno;
	int result = ENODATA;
	for (struct dirent *entry; (entry = readdir(directory));)
		if (show_secrets(entry->d_name, strlen(entry->d_name)) == DID)
			result = DID;
	closedir(directory);
	return result;
}

static int watch(char **a)
{
	int fd = inotify_init1(IN_CLOEXEC);
	if (fd < 0)
		return errno;
	return outcome(inotify_add_watch(fd, a[0], IN_ALL_EVENTS));
}

static int name_to_handle(char **a)
{
	struct {
		struct file_handle header;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = {.header.handle_bytes = MAX_HANDLE_SZ};
	int mount;
	return outcome(name_to_handle_at(AT_FDCWD, a[0], &handle.header, &mount, 0));
}

static int open_handle(char **a)
{
	struct {
		struct file_handle header;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = {.header.handle_bytes = 0};
	char *bytes;
	handle.header.handle_type = (int)strtol(a[1], &bytes, 10);
	if (*bytes++ != ':' || strlen(bytes) % 2 || strlen(bytes) > 2 * MAX_HANDLE_SZ)
		return misused("a handle is TYPE:BYTES");
	for (unsigned value; sscanf(bytes, "%2x", &value) == 1; bytes += 2)
		handle.header.f_handle[handle.header.handle_bytes++] = (unsigned char)value;
	int mount = open(a[0], O_RDONLY | O_DIRECTORY);
	if (mount < 0)
		return errno;
	int fd = open_by_handle_at(mount, &handle.header, O_RDONLY);
	return fd < 0 ? errno : show_secrets_of(fd);
}

/* What every open descriptor from 3 on gives away. To have one at all is to have done it. */
static int descriptors(char **a)
{
	(void)a;
	int result = EBADF;
	for (int fd = 3; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		char link[64], name[256];
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		ssize_t length = readlink(link, name, sizeof name - 1);
		name[length < 0 ? 0 : length] = 0;
		printf("descriptor %d %s\n", fd, name);
		char bytes[256];
		ssize_t got = pread(fd, bytes, sizeof bytes, 0);
		if (got > 0)
			show_secrets(bytes, (size_t)got);
		int below = openat(fd, "secret", O_RDONLY);
		if (below >= 0)
			show_secrets_of(below);
		result = DID;
	}
	return result;
}

/* Runs another attempt from a copy of the probe that lies in no file system. */
static int memfd(char **a)
{
	int program = open("/proc/self/exe", O_RDONLY);
	if (program < 0)
		program = open(a[2], O_RDONLY);
	if (program < 0)
		return errno;
	int copy = memfd_create("probe", 0);
	if (copy < 0)
		return errno;
	static char bytes[1 << 16];
	for (ssize_t got; (got = read(program, bytes, sizeof bytes)) != 0;)
		if (got < 0 || write(copy, bytes, (size_t)got) != got)
			return misused("the probe cannot be copied");
	close(program);
	pid_t child = fork();
	if (child < 0)
		return errno;
	if (child == 0) {
		char *argv[] = {"probe", a[0], a[1], NULL}, *envp[] = {NULL};
		/* Closed by the program's start, or it would be a descriptor too many. */
		fcntl(copy, F_SETFD, FD_CLOEXEC);
		syscall(SYS_execveat, copy, "", argv, envp, AT_EMPTY_PATH);
		_exit(1);
	}
	int status;
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return misused("the copy did not exit");
	if (WEXITSTATUS(status) > 1)
		return BROKEN;
	return WEXITSTATUS(status) ? EACCES : DID;
}

static int make_device(char **a)
{
	return outcome(mknod(a[0], S_IFCHR | 0600, makedev(1, 3)));
}

/* Creates a program with its owner's rights, in the way that is asked for. */
static int plant_setuid(char **a)
{
	const char *path = a[0], *way = a[1];
	const mode_t mode = S_ISUID | 0755;
	struct open_how how = {.flags = O_WRONLY | O_CREAT | O_EXCL, .mode = mode};
	/* It is newer than the headers of many systems, and the same everywhere. */
	const long fchmodat2_number = 452;
	umask(0);
	if (!strcmp(way, "open")) {
		if (open(path, O_WRONLY | O_CREAT | O_EXCL, mode) < 0)
			return errno;
	} else if (!strcmp(way, "openat2")) {
		if (syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how) < 0)
			return errno;
	} else if (!strcmp(way, "mknod")) {
		if (mknod(path, S_IFREG | mode, 0))
			return errno;
	} else {
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
		if (fd < 0)
			return misused("a plain file cannot be created");
		long answer;
		if (!strcmp(way, "chmod"))
			answer = chmod(path, mode);
		else if (!strcmp(way, "fchmod"))
			answer = fchmod(fd, mode);
		else if (!strcmp(way, "fchmodat"))
			answer = syscall(SYS_fchmodat, AT_FDCWD, path, mode);
		else if (!strcmp(way, "fchmodat2"))
			answer = syscall(fchmodat2_number, AT_FDCWD, path, mode, 0);
		else
			return misused("there is no such way to set the bit");
		if (answer < 0)
			return errno;
	}
	/* A filter may leave the bit out without a word. */
	struct stat stat;
	if (lstat(path, &stat))
		return errno;
	return stat.st_mode & S_ISUID ? DID : EPERM;
}

const struct attempt file_attempts[] = {
	{"read", 1, read_file, "prints the secrets in the file PATH"},
	{"read-at", 2, read_at, "prints the secret in the file PATH at OFFSET"},
	{"write", 1, write_file, "writes to the file PATH"},
	{"reopen", 1, reopen, "opens the file PATH to read, and writes to it through that"},
	{"truncate", 1, truncate_file, "empties the file PATH"},
	{"create", 1, create_file, "creates the file PATH"},
	{"mkdir", 1, make_directory, "creates the directory PATH"},
	{"unlink", 1, unlink_file, "removes the file PATH"},
	{"rename", 2, rename_file, "renames FROM to TO"},
	{"link", 2, link_file, "gives the file FROM the further name TO"},
	{"chmod", 1, chmod_file, "changes the permissions of PATH"},
	{"utimes", 1, utimes_file, "changes the times of PATH"},
	{"setxattr", 1, setxattr_file, "sets an extended attribute of PATH"},
	{"stat", 1, stat_file, "asks for the inode of PATH"},
	{"list-directory", 1, list_directory, "prints the secret names in the directory PATH"},
	{"inotify", 1, watch, "watches PATH with inotify"},
	{"name-to-handle", 1, name_to_handle, "asks for a handle of PATH"},
	{"open-handle", 2, open_handle, "opens HANDLE on the file system of the directory PATH and prints the secrets in it"},
	{"descriptors", 0, descriptors, "looks for descriptors that were left open"},
	{"memfd", 3, memfd, "runs ATTEMPT with ARGUMENT from a copy in memory of the probe, which lies at PROGRAM"},
	{"mknod", 1, make_device, "creates the device PATH"},
	{"plant-setuid", 2, plant_setuid, "creates the set-user-ID file PATH by the system call WAY, or changes it by that"},
	{0},
};
