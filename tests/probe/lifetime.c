/* A descendant that does what it can to outlive the process that it came from. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Holds the lock for as long as it lives, and nothing else that anybody could wait for. It lives until the host lets go
 * of the leash, so that nothing is left where it is not ended as it should be.
 */
static _Noreturn void outlive(char **a, int report)
{
	setsid();
	prctl(PR_SET_PDEATHSIG, 0);
	for (int signal = 1; signal <= SIGRTMAX; signal++)
		sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	int lock = open(a[0], O_RDWR), leash = open(a[1], O_RDWR);
	int result = lock < 0 || leash < 0 || flock(lock, LOCK_EX | LOCK_NB) ? errno : 0;
	for (int stream = 0; stream < 3; stream++)
		close(stream);
	if (write(report, &result, sizeof result) != sizeof result || result)
		_exit(1);
	close(report);
	_exit(flock(leash, LOCK_EX) != 0);
}

static int start(char **a)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC))
		return misused("no pipe");
	pid_t child = fork();
	if (child == 0) {
		setsid();
		prctl(PR_SET_PDEATHSIG, 0);
		close(report[0]);
		pid_t descendant = fork();
		if (descendant == 0)
			outlive(a, report[1]);
		_exit(descendant < 0);
	}
	close(report[1]);
	int status, result;
	if (child < 0 || waitpid(child, &status, 0) != child || status ||
	    read(report[0], &result, sizeof result) != sizeof result)
		return misused("the descendant could not be started");
	close(report[0]);
	if (result)
		return misused("the descendant could not take the lock");
	puts("held");
	fflush(stdout);
	return DID;
}

static int stay(char **a)
{
	int result = start(a);
	/* Opened only now: the descendant would hold on to a leash that it inherits. */
	if (result == DID && flock(open(a[1], O_RDWR), LOCK_EX))
		return misused("there is no leash");
	return result;
}

static int leave(char **a)
{
	return start(a);
}

const struct attempt lifetime_attempts[] = {
	{"linger-and-stay", 2, stay, "leaves a descendant that holds LOCK until it gets LEASH, and stays"},
	{"linger-and-leave", 2, leave, "leaves a descendant that holds LOCK until it gets LEASH, and exits"},
	{0},
};
