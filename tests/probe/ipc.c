/* What processes share without a file: memory segments, message queues, keys. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIZE = 256 };

struct message {
	long kind;
	char text[SIZE];
};

static int attach(int id)
{
	const char *memory = shmat(id, NULL, SHM_RDONLY);
	return memory == (void *)-1 ? errno : show_secrets(memory, SIZE);
}

static int segment_by_id(char **a)
{
	return attach((int)number(a[0]));
}

static int segment_by_key(char **a)
{
	int id = shmget((key_t)number(a[0]), 0, 0);
	return id < 0 ? errno : attach(id);
}

static int receive(int id)
{
	struct message message;
	ssize_t length = msgrcv(id, &message, sizeof message.text, 0, IPC_NOWAIT);
	return length < 0 ? errno : show_secrets(message.text, (size_t)length);
}

static int queue_by_id(char **a)
{
	return receive((int)number(a[0]));
}

static int queue_by_key(char **a)
{
	int id = msgget((key_t)number(a[0]), 0);
	return id < 0 ? errno : receive(id);
}

static int posix_queue(char **a)
{
	char text[SIZE];
	mqd_t queue = mq_open(a[0], O_RDONLY | O_NONBLOCK);
	if (queue < 0)
		return errno;
	ssize_t length = mq_receive(queue, text, sizeof text, NULL);
	return length < 0 ? errno : show_secrets(text, (size_t)length);
}

static int read_key(long serial)
{
	char bytes[SIZE];
	long length = syscall(SYS_keyctl, KEYCTL_READ, serial, bytes, sizeof bytes);
	return length < 0 ? errno : show_secrets(bytes, (size_t)length);
}

static int key_by_serial(char **a)
{
	return read_key(number(a[0]));
}

static int key_by_name(char **a)
{
	long serial = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", a[0], 0);
	return serial < 0 ? errno : read_key(serial);
}

/* The key is gone before the probe is: what counts is that it could be added. */
static int add_key_(char **a)
{
	(void)a;
	long serial = syscall(SYS_add_key, "user", "childproof-planted", "planted", 7, KEY_SPEC_USER_KEYRING);
	if (serial < 0)
		return errno;
	syscall(SYS_keyctl, KEYCTL_UNLINK, serial, KEY_SPEC_USER_KEYRING);
	return DID;
}

const struct attempt ipc_attempts[] = {
	{"segment-by-id", 1, segment_by_id, "prints the secret in the shared memory segment ID"},
	{"segment-by-key", 1, segment_by_key, "prints the secret in the shared memory segment of KEY"},
	{"queue-by-id", 1, queue_by_id, "prints the secret in the message queue ID"},
	{"queue-by-key", 1, queue_by_key, "prints the secret in the message queue of KEY"},
	{"posix-queue", 1, posix_queue, "prints the secret in the POSIX message queue NAME"},
	{"key-by-serial", 1, key_by_serial, "prints the secret in the key SERIAL"},
	{"key-by-name", 1, key_by_name, "prints the secret in the key NAME of the user's keyring"},
	{"add-key", 0, add_key_, "adds a key to the user's keyring"},
	{0},
};
