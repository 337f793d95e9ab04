/* What the files of the probe share. */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>

/* What an attempt answers, besides the errno that it failed with. */
#define DID 0
#define BROKEN (-1)

/* One way to try to get out. */
struct attempt {
	const char *name;
	/* How many arguments it takes. */
	int arguments;
	/* DID, BROKEN, or the errno that says why it could not. */
	int (*run)(char **arguments);
	/* What it tries, and what its arguments are. */
	const char *tries;
};

/* Each table ends with a row without a name. */
extern const struct attempt file_attempts[];
extern const struct attempt network_attempts[];
extern const struct attempt process_attempts[];
extern const struct attempt ipc_attempts[];
extern const struct attempt privilege_attempts[];
extern const struct attempt lifetime_attempts[];

/* No attempts: what the host needs for its own part, and what an attempt starts. */
extern const struct attempt host_helpers[];

/* Every secret of the host begins like this. The probe is never told more. */
#define SECRET_PREFIX "childproof-secret-"

/* Says what is wrong with the way the probe was called, and answers BROKEN. */
int misused(const char *why);

/* Prints bytes as they are. */
void show(const void *bytes, size_t length);

/* Prints whatever there is of the host's secrets in `bytes`: DID, or ENODATA. */
int show_secrets(const char *bytes, size_t length);

/* Reads all of `fd` that there is, prints the secrets in it, and closes it: DID, or why not. */
int show_secrets_of(int fd);

/* A number of an argument; the probe ends as misused if it is none. */
long number(const char *argument);

#endif
