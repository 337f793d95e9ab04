/* What the host's side of an attempt needs to be prepared, and cleaned up. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Prints the handle of a file in a form that `open-handle` takes. */
static int host_handle(char **a)
{
	struct {
		struct file_handle header;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = {.header.handle_bytes = MAX_HANDLE_SZ};
	int mount;
	if (name_to_handle_at(AT_FDCWD, a[0], &handle.header, &mount, 0))
		return errno;
	printf("%d:", handle.header.handle_type);
	for (unsigned byte = 0; byte < handle.header.handle_bytes; byte++)
		printf("%02x", handle.header.f_handle[byte]);
	putchar('\n');
	return DID;
}

/* A key nobody else uses: that of a process which has the number now. */
static key_t fresh_key(void)
{
	return 0x43500000 ^ (key_t)getpid();
}

enum { SIZE = 256 };

static int host_segment(char **a)
{
	key_t key = fresh_key();
	int id = shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0666);
	if (id < 0)
		return errno;
	char *memory = shmat(id, NULL, 0);
	if (memory == (void *)-1)
		return errno;
	snprintf(memory, SIZE, "%s", a[0]);
	printf("%d %d\n", id, key);
	return DID;
}

static int host_queue(char **a)
{
	key_t key = fresh_key();
	int id = msgget(key, IPC_CREAT | IPC_EXCL | 0666);
	if (id < 0)
		return errno;
	struct {
		long kind;
		char text[SIZE];
	} message = {.kind = 1};
	snprintf(message.text, SIZE, "%s", a[0]);
	if (msgsnd(id, &message, strlen(message.text), 0))
		return errno;
	printf("%d %d\n", id, key);
	return DID;
}

static int host_posix_queue(char **a)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = SIZE};
	umask(0);
	mqd_t queue = mq_open(a[0], O_CREAT | O_EXCL | O_RDWR, 0666, &attributes);
	if (queue < 0)
		return errno;
	return mq_send(queue, a[1], strlen(a[1]), 0) ? errno : DID;
}

static int host_key(char **a)
{
	long serial = syscall(SYS_add_key, "user", a[0], a[1], strlen(a[1]), KEY_SPEC_USER_KEYRING);
	if (serial < 0)
		return errno;
	/* Readable by everybody, so that nothing but confinement is in the way. */
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, serial, 0x3f3f3f3f))
		return errno;
	printf("%ld\n", serial);
	return DID;
}

static int host_forget(char **a)
{
	long answer;
	if (!strcmp(a[0], "segment"))
		answer = shmctl((int)number(a[1]), IPC_RMID, NULL);
	else if (!strcmp(a[0], "queue"))
		answer = msgctl((int)number(a[1]), IPC_RMID, NULL);
	else if (!strcmp(a[0], "posix-queue"))
		answer = mq_unlink(a[1]);
	else if (!strcmp(a[0], "key"))
		answer = syscall(SYS_keyctl, KEYCTL_UNLINK, number(a[1]), KEY_SPEC_USER_KEYRING);
	else
		return misused("there is no such kind of thing to forget");
	return answer < 0 ? errno : DID;
}

/* What a set-user-ID copy of the probe is started for. */
static int is_another_user(char **a)
{
	(void)a;
	return getuid() != geteuid() ? DID : EPERM;
}

const struct attempt host_helpers[] = {
	{"is-another-user", 0, is_another_user, "tells whether it runs with another user's rights than it was started by"},
	{"host-handle", 1, host_handle, "prints the handle of PATH"},
	{"host-segment", 1, host_segment, "creates a shared memory segment that holds SECRET, and prints its id and key"},
	{"host-queue", 1, host_queue, "creates a message queue that holds SECRET, and prints its id and key"},
	{"host-posix-queue", 2, host_posix_queue, "creates the message queue NAME that holds SECRET"},
	{"host-key", 2, host_key, "adds the key NAME that holds SECRET to the user's keyring, and prints its serial"},
	{"host-forget", 2, host_forget, "removes the KIND of thing called ID"},
	{0},
};
