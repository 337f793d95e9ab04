/*
 * A program that tries to do what a confined process must not be able to do.
 *
 *     probe NAME [ARGUMENT...]    makes the attempt of that name
 *     probe list                  prints the names of all attempts
 *
 * It prints one line on how it went and exits with 0 when it did it, 1 when it could not, and 2 when it was misused or is
 * broken itself. The same attempt can be pointed at what a process may do and at what it may not.
 *
 * In every argument, `@parent` stands for the number of the parent process as the probe sees it.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct attempt *const tables[] = {
	file_attempts, network_attempts,  process_attempts,  ipc_attempts,
	privilege_attempts, lifetime_attempts, host_helpers,
};

int misused(const char *why)
{
	fprintf(stderr, "probe: %s\n", why);
	return BROKEN;
}

void show(const void *bytes, size_t length)
{
	fwrite(bytes, 1, length, stdout);
	putchar('\n');
	fflush(stdout);
}

int show_secrets(const char *bytes, size_t length)
{
	const size_t prefix = strlen(SECRET_PREFIX);
	int result = ENODATA;
	for (const char *at = bytes, *end = bytes + length; at < end;) {
		const char *found = memmem(at, (size_t)(end - at), SECRET_PREFIX, prefix);
		if (!found)
			break;
		const char *last = found + prefix;
		while (last < end && ((*last >= '0' && *last <= '9') || (*last >= 'a' && *last <= 'f')))
			last++;
		/* The prefix alone is what every probe has in its own memory. */
		if (last > found + prefix) {
			show(found, (size_t)(last - found));
			result = DID;
		}
		at = last;
	}
	return result;
}

int show_secrets_of(int fd)
{
	static char bytes[1 << 20];
	size_t length = 0;
	while (length < sizeof bytes) {
		ssize_t got = read(fd, bytes + length, sizeof bytes - length);
		if (got < 0) {
			int why = errno;
			close(fd);
			return why;
		}
		if (got == 0)
			break;
		length += (size_t)got;
	}
	close(fd);
	return show_secrets(bytes, length);
}

long number(const char *argument)
{
	char *end;
	errno = 0;
	long value = strtol(argument, &end, 0);
	if (errno || end == argument || *end) {
		fprintf(stderr, "probe: %s is no number\n", argument);
		exit(2);
	}
	return value;
}

/* The argument with every `@parent` replaced. */
static char *expanded(const char *argument)
{
	static const char word[] = "@parent";
	char *result = NULL;
	size_t length;
	FILE *text = open_memstream(&result, &length);
	if (!text)
		abort();
	for (const char *found; (found = strstr(argument, word)); argument = found + strlen(word))
		fprintf(text, "%.*s%d", (int)(found - argument), argument, (int)getppid());
	fputs(argument, text);
	fclose(text);
	return result;
}

static void list(void)
{
	for (size_t table = 0; table < sizeof tables / sizeof *tables; table++)
		for (const struct attempt *attempt = tables[table]; attempt->name; attempt++)
			if (tables[table] != host_helpers)
				printf("%s\t%d\t%s\n", attempt->name, attempt->arguments, attempt->tries);
}

static const struct attempt *named(const char *name)
{
	for (size_t table = 0; table < sizeof tables / sizeof *tables; table++)
		for (const struct attempt *attempt = tables[table]; attempt->name; attempt++)
			if (!strcmp(attempt->name, name))
				return attempt;
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "list")) {
		list();
		return 0;
	}
	const struct attempt *attempt = argc > 1 ? named(argv[1]) : NULL;
	if (!attempt) {
		misused("there is no attempt of that name: see `probe list`");
		return 2;
	}
	if (argc - 2 != attempt->arguments) {
		fprintf(stderr, "probe: %s takes %d arguments: %s\n", attempt->name, attempt->arguments, attempt->tries);
		return 2;
	}
	for (int argument = 2; argument < argc; argument++)
		argv[argument] = expanded(argv[argument]);
	int result = attempt->run(argv + 2);
	if (result == BROKEN) {
		printf("%s: broken\n", attempt->name);
		return 2;
	}
	if (result == DID) {
		printf("%s: did it\n", attempt->name);
		return 0;
	}
	const char *errno_name = strerrorname_np(result);
	printf("%s: could not: %s\n", attempt->name, errno_name ? errno_name : "of an unknown error");
	return 1;
}
