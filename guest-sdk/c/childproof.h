/*
 * childproof.h: start and drive native programs from a sandboxed guest.
 *
 * A guest does not name a file to run. It names a grant, an entry of the policy that its host was given, which says
 * what program that is and what it may be given. What the policy does not allow is refused, with the field that was
 * wrong.
 *
 *     cp_command *sort = cp_command_new("sort");
 *     cp_command_arg(sort, "-u");
 *     cp_command_stdio(sort, CP_STDIN, CP_PIPE);
 *     cp_command_stdio(sort, CP_STDOUT, CP_PIPE);
 *     cp_process *process = cp_spawn(sort);
 *     cp_command_free(sort);
 *     cp_output output;
 *     if (process == NULL || cp_communicate(process, "b\na\nb\n", 6, NULL, &output) != 0) {
 *         cp_perror("sort");
 *         return EXIT_FAILURE;
 *     }
 *     fwrite(output.out.data, 1, output.out.size, stdout);
 *     cp_output_free(&output);
 *     cp_free(process);
 *
 * Errors. A function that answers int answers 0, or -1 with errno set; one that answers a pointer answers NULL with
 * errno set. What exactly went wrong stands in cp_last_error() until the next function of this library fails.
 *
 * Memory. A pointer that is given to a function is not kept: strings and bytes are copied before it returns. What a
 * function gives is said with it. Where memory runs out a function fails with ENOMEM, with one exception: what the
 * host answers is put into memory by code that was generated, and that ends the guest. Limits on output bound it.
 * What a guest hands to the host in one call is bounded by the host: see CP_INPUT_MAX.
 *
 * A process of NULL, one that was not started, is CP_ERROR_INVALID_ARGUMENT with EINVAL, save where it is said to be
 * something else.
 *
 * Strings are UTF-8 without a NUL. What else stands in one is an invalid argument.
 *
 * Threads. A guest of WASI 0.2 has one. The last error is the only state that this library keeps outside of the
 * objects below.
 */
#ifndef CHILDPROOF_H
#define CHILDPROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A program to be: which grant, with what. */
typedef struct cp_command cp_command;

/* A process that was started. */
typedef struct cp_process cp_process;

/* A time in nanoseconds. */
typedef uint64_t cp_duration;
#define CP_MILLISECONDS(n) ((cp_duration)(n) * UINT64_C(1000000))
#define CP_SECONDS(n) ((cp_duration)(n) * UINT64_C(1000000000))

/* For a duration: no end. For a limit: none but that of the policy. */
#define CP_UNSET UINT64_MAX

/* ------------------------------------------------------------------------------------------------------- errors */

/*
 * Why a function failed: the cases of the interface, each with what errno is then. wit/0.2/types.wit has the whole of
 * it.
 */
typedef enum cp_error_code {
    CP_ERROR_NONE = 0,
    CP_ERROR_UNKNOWN_GRANT,         /* ENOENT: the policy has no grant of this name */
    CP_ERROR_REFUSED,               /* EACCES: the policy does not allow a field */
    CP_ERROR_INVALID_ARGUMENT,      /* EINVAL: a field holds what no process can be given */
    CP_ERROR_UNSUPPORTED,           /* ENOTSUP: the host cannot do this at all */
    CP_ERROR_QUOTA_EXCEEDED,        /* EDQUOT: a quota of the policy is used up */
    CP_ERROR_PROGRAM_NOT_FOUND,     /* ENOENT: the program is gone since the policy was loaded */
    CP_ERROR_INTERPRETER_NOT_FOUND, /* ENOENT: the interpreter that the program names is not there */
    CP_ERROR_NOT_EXECUTABLE,        /* EACCES: the file is not a program that the system can run */
    CP_ERROR_PROGRAM_CHANGED,       /* ESTALE: the program is not the file that was checked */
    CP_ERROR_PROGRAM_BUSY,          /* ETXTBSY: the program is open for writing */
    CP_ERROR_DIRECTORY_NOT_FOUND,   /* ENOENT: the working directory does not exist */
    CP_ERROR_NOT_A_DIRECTORY,       /* ENOTDIR: the working directory is not a directory */
    CP_ERROR_ARGUMENTS_TOO_LONG,    /* E2BIG: arguments and environment are larger than the system takes */
    CP_ERROR_TOO_MANY_OPEN_FILES,   /* EMFILE: the host has no descriptor left */
    CP_ERROR_TOO_MANY_PROCESSES,    /* EAGAIN: the system has no process left for this user */
    CP_ERROR_OUT_OF_MEMORY,         /* ENOMEM: the system has no memory left */
    CP_ERROR_NO_SUCH_PROCESS,       /* ESRCH: the process has ended; of cp_signal alone */
    CP_ERROR_STATUS_LOST,           /* ECHILD: somebody else collected the exit status */
    CP_ERROR_TIMED_OUT,             /* ETIMEDOUT: the time given to the call is over; the process lives on */
    CP_ERROR_OUTPUT_LIMIT_REACHED,  /* EFBIG: the process wrote more than the call may hold; what was read is there */
    CP_ERROR_OTHER,                 /* EIO: anything else that the system reported */
    CP_ERROR_LOCAL                  /* no case of the interface: a file, a stream or the guest's memory; any errno */
} cp_error_code;

/* What CP_ERROR_QUOTA_EXCEEDED is about. */
typedef enum cp_quota {
    CP_QUOTA_NONE = 0,
    CP_QUOTA_LIVE_PROCESSES, /* processes alive at the same time */
    CP_QUOTA_TOTAL_SPAWNS,   /* processes started over the life of the guest */
    CP_QUOTA_HELD_PROCESSES, /* processes that the guest holds, ended or not */
    CP_QUOTA_HELD_BYTES      /* bytes that the host holds for calls of cp_communicate */
} cp_quota;

/* What went wrong. The strings are never NULL and are there until the next function fails. */
typedef struct cp_error {
    cp_error_code code;
    int number;          /* what errno was set to */
    cp_quota quota;      /* CP_QUOTA_NONE but for CP_ERROR_QUOTA_EXCEEDED */
    const char *field;   /* "program", "args[2]" (counted from zero), "env LD_PRELOAD", "cwd", ..., or "" */
    const char *message; /* what the host, or this library, has to say about it, or "" */
    const char *text;    /* all of it, one sentence for a person to read */
} cp_error;

/* The last error of this library; its code is CP_ERROR_NONE if nothing has failed yet. */
const cp_error *cp_last_error(void);

/* Writes "what: text of the last error" and a newline to the guest's stderr. */
void cp_perror(const char *what);

/* The interface's name of a case: "unknown-grant". "local" and "none" for the two that are none of its own. */
const char *cp_error_name(cp_error_code code);

/* The same of a quota: "live-processes". */
const char *cp_quota_name(cp_quota quota);

/* ------------------------------------------------------------------------------------------------------ commands */

/* The standard streams of a process. */
typedef enum cp_stream { CP_STDIN = 0, CP_STDOUT = 1, CP_STDERR = 2 } cp_stream;

/* What a standard stream can be. Files and streams of other processes have functions of their own. */
typedef enum cp_stdio {
    CP_NULL,     /* nothing: end of file at once, or what is written is thrown away. Every stream is this at first */
    CP_PIPE,     /* a pipe, for cp_communicate, cp_read, cp_write and cp_command_from */
    CP_INHERIT,  /* the guest's own stream of this name */
    CP_TO_STDOUT /* for CP_STDERR alone: wherever standard output goes, in the order of writing */
} cp_stdio;

/*
 * A command for the program of the grant: no arguments, the environment and the working directory that the policy
 * says, and null streams. To be freed with cp_command_free. NULL with ENOMEM.
 *
 * The functions that set something need not be checked one by one: what was wrong is remembered, and cp_spawn fails
 * with the first of it. A command of NULL is taken, too, and fails with ENOMEM.
 */
cp_command *cp_command_new(const char *grant);

/* Frees a command. Processes that were started from it are untouched. NULL is nothing. */
void cp_command_free(cp_command *command);

/* Adds one argument; the program's own name is not one. */
int cp_command_arg(cp_command *command, const char *argument);

/* Adds arguments, up to the NULL that ends the array. */
int cp_command_args(cp_command *command, const char *const arguments[]);

/* Sets the program's own name as it sees it, argv[0]. Without it, the name of the grant. */
int cp_command_argv0(cp_command *command, const char *name);

/* Sets a variable of the environment. For a key set twice, the last value holds. */
int cp_command_env(cp_command *command, const char *key, const char *value);

/* Takes back all variables that were set. */
int cp_command_clear_env(cp_command *command);

/*
 * Sets the working directory, a path of the guest's as fopen has it: below a directory that the guest was given, a
 * relative one from the guest's current directory. CP_ERROR_INVALID_ARGUMENT where the guest has no such directory;
 * that it does not exist below is said by cp_spawn.
 */
int cp_command_cwd(cp_command *command, const char *path);

/* Sets where a standard stream comes from or goes to. */
int cp_command_stdio(cp_command *command, cp_stream stream, cp_stdio what);

/*
 * Makes a file a standard stream. The path is one of the guest's as fopen has it, the flags are those of open in
 * <fcntl.h>: O_RDONLY, O_WRONLY or O_RDWR, with O_APPEND, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW. The file is opened
 * here, and for the process it begins at its beginning; with O_APPEND each write goes to its end. CP_ERROR_LOCAL
 * where it cannot be opened, with errno as open has it.
 */
int cp_command_file(cp_command *command, cp_stream stream, const char *path, int flags);

/*
 * Makes the pipe of another process a standard stream: for CP_STDIN what `from` writes (`of` is CP_STDOUT or
 * CP_STDERR), for an output what `from` reads (CP_STDIN). The host passes the pipe on, no byte is copied. The pipe is
 * gone from `from` then, whether the command is ever started or not, and it serves the first spawn that succeeds.
 * What was written to it is flushed before. CP_ERROR_LOCAL with EBADF if the stream of `from` is not piped, or gone. A
 * `from` of NULL, one that was not started, is a mistake that is remembered like others.
 */
int cp_command_from(cp_command *command, cp_stream stream, cp_process *from, cp_stream of);

/*
 * Sets how long the process may live. Then its tree is killed, and its status says CP_LIMIT_WALL_TIME. The policy's
 * own limit holds where it is stricter.
 */
int cp_command_timeout(cp_command *command, cp_duration after);

/*
 * Sets how many bytes the process may write to its pipes together. Past it its tree is killed, and its status says
 * CP_LIMIT_OUTPUT. The policy's own limit holds where it is stricter.
 */
int cp_command_output_limit(cp_command *command, uint64_t bytes);

/*
 * Starts the process. To be freed with cp_free, which also kills it. NULL with errno set; then no process is left,
 * and the command is as it was. A command may be started more than once.
 */
cp_process *cp_spawn(cp_command *command);

/* ------------------------------------------------------------------------------------------------------ the ends */

/*
 * A signal, by name. These are no numbers of any system's: those differ. CP_SIGRTMIN + n is a real-time signal, n up
 * to 255.
 */
enum {
    CP_SIGABRT = 1,
    CP_SIGALRM,
    CP_SIGBUS,
    CP_SIGCHLD,
    CP_SIGCONT,
    CP_SIGFPE,
    CP_SIGHUP,
    CP_SIGILL,
    CP_SIGINT,
    CP_SIGIO,
    CP_SIGKILL,
    CP_SIGPIPE,
    CP_SIGPROF,
    CP_SIGPWR,
    CP_SIGQUIT,
    CP_SIGSEGV,
    CP_SIGSTKFLT,
    CP_SIGSTOP,
    CP_SIGSYS,
    CP_SIGTERM,
    CP_SIGTRAP,
    CP_SIGTSTP,
    CP_SIGTTIN,
    CP_SIGTTOU,
    CP_SIGURG,
    CP_SIGUSR1,
    CP_SIGUSR2,
    CP_SIGVTALRM,
    CP_SIGWINCH,
    CP_SIGXCPU,
    CP_SIGXFSZ,
    CP_SIGUNNAMED, /* one that has no name here: a process may have ended by it, none can be sent */
    CP_SIGRTMIN = 64
};

/* How a process ended. */
typedef enum cp_termination {
    CP_EXITED,  /* it exited with a code */
    CP_SIGNALED /* a signal ended it: an exit code of 137 is not this */
} cp_termination;

/* Who ended it. */
typedef enum cp_ended_by {
    CP_BY_ITSELF, /* the process itself, or something that the host knows nothing of */
    CP_BY_GUEST,  /* a signal that the guest had sent */
    CP_BY_LIMIT   /* a limit of the host */
} cp_ended_by;

/* A limit of the host that ends a process. */
typedef enum cp_limit {
    CP_LIMIT_NONE = 0,
    CP_LIMIT_WALL_TIME, /* of the command or of the policy */
    CP_LIMIT_OUTPUT,    /* the bytes that may be written to its pipes */
    CP_LIMIT_CPU_TIME,
    CP_LIMIT_MEMORY,   /* where the host can know that this was the cause */
    CP_LIMIT_FILE_SIZE /* the size of a file it wrote */
} cp_limit;

/* How a process ended, and by whom. */
typedef struct cp_status {
    cp_termination termination;
    uint32_t code; /* of CP_EXITED: 0 to 255 on POSIX, any on Windows; else 0 */
    int signal;    /* of CP_SIGNALED: CP_SIGKILL, ...; else 0 */
    cp_ended_by ended_by;
    cp_limit limit; /* of CP_BY_LIMIT; else CP_LIMIT_NONE */
} cp_status;

/* Whether it exited with 0. */
bool cp_success(const cp_status *status);

/*
 * Writes how a process ended for a person to read, "exited with 3", "ended by SIGKILL (limit: wall-time)", as
 * snprintf does: no more than `size` bytes with the NUL, and the answer is the length that it has whole.
 */
size_t cp_status_text(const cp_status *status, char *buffer, size_t size);

/* "SIGTERM"; "SIGRTMIN+3"'s is "SIGRTMIN", and of what is no signal "". */
const char *cp_signal_name(int signal);

/* The interface's name of a limit: "wall-time". */
const char *cp_limit_name(cp_limit limit);

/*
 * Waits until the process has ended; not for the ends of its pipes, and it reads nothing: a process that fills a pipe
 * never ends. cp_communicate is for that. Answers the same each time. `status` may be NULL.
 */
int cp_wait(cp_process *process, cp_status *status);

/* Whether it has ended, without waiting: 1, with the status, 0 if not, or -1. A stopped process has not ended. */
int cp_try_wait(cp_process *process, cp_status *status);

/* As cp_try_wait, but waits for so long. */
int cp_wait_timeout(cp_process *process, cp_duration timeout, cp_status *status);

/* Sends a signal, by its name. ESRCH if the process has ended, EACCES if the policy does not allow it. */
int cp_signal(cp_process *process, int signal);

/* Asks the process to end: CP_SIGTERM. Succeeds if it has ended. EACCES if the policy does not allow it. */
int cp_terminate(cp_process *process);

/* Kills the process and its tree. Succeeds if it has ended. No policy forbids it. */
int cp_kill(cp_process *process);

/* What ended a process that was told to stop. */
typedef enum cp_stopped_by {
    CP_STOPPED_BEFORE,       /* it had ended before */
    CP_STOPPED_BY_TERMINATE, /* it ended within the grace period */
    CP_STOPPED_BY_KILL       /* the grace period ran out */
} cp_stopped_by;

/*
 * Asks the process to end, waits for the grace period, and kills it and its tree if it has not ended by then. `by` and
 * `status` may be NULL.
 */
int cp_stop(cp_process *process, cp_duration grace, cp_stopped_by *by, cp_status *status);

/* What a process used, its own children that it waited for included. */
typedef struct cp_resources {
    cp_duration user_time;
    cp_duration system_time;
    bool has_peak_memory;
    uint64_t peak_memory; /* bytes; 0 where the system cannot tell */
} cp_resources;

/* What the process used: 1, or 0 before its end was observed and where the system did not say, or -1. */
int cp_usage(cp_process *process, cp_resources *usage);

/* A number for logs, unique among the processes of this guest, and nothing else. 0 for a process of NULL. */
uint64_t cp_id(cp_process *process);

/*
 * Kills the process and its tree if it has not ended, closes its pipes, and frees it. What was written to its stdin
 * before is still written as far as it is read. NULL is nothing.
 */
void cp_free(cp_process *process);

/* --------------------------------------------------------------------------------------------------- communicate */

/* Bytes of a process. A NUL stands behind them, which `size` does not count. */
typedef struct cp_bytes {
    char *data; /* NULL if the stream was not piped, or is gone from the process */
    size_t size;
} cp_bytes;

/* What a process wrote, and how it ended. */
typedef struct cp_output {
    cp_bytes out;
    cp_bytes err;
    cp_status status; /* all zero after a failure */
    bool complete;    /* whether both streams were read to their ends */
} cp_output;

/*
 * What cp_communicate may take. Write `cp_limits limits = CP_LIMITS;` and set what differs, so that a field can be
 * added.
 */
typedef struct cp_limits {
    /* How long the call may take. CP_UNSET: as long as the process does. */
    cp_duration timeout;
    /* How many bytes of both streams it may hold. CP_UNSET: what the policy allows, 64 MiB if it says nothing. */
    uint64_t output_limit;
    /* How long to read on after the end while another process holds the pipes. CP_UNSET: what the policy says. */
    cp_duration drain;
} cp_limits;
#define CP_LIMITS {CP_UNSET, CP_UNSET, CP_UNSET}

/*
 * How many bytes of input one call takes. More than this wasmtime, unless its embedder sets another bound, does not let
 * a guest hand over at once, and ends the guest that tries. What is larger is for cp_write, and for cp_poll where the
 * process writes while it reads.
 */
#define CP_INPUT_MAX ((size_t)128 << 20)

/*
 * Writes `input` to the process's stdin and closes it, reads its stdout and stderr to their ends, all at the same
 * time, and waits. An input of NULL closes stdin, too. `limits` may be NULL: none but those of the policy. That the
 * process does not read its input is no error, and neither is that it fails: see `output->status`.
 *
 * `output` is the caller's, to be freed with cp_output_free whether the call succeeds or not. It holds something
 * after a success, and after EFBIG what was read. After ETIMEDOUT and EFBIG a further call, with an input of NULL,
 * goes on where this one was.
 *
 * EINVAL for an input where stdin is not piped, or cp_write or cp_poll was called for it: with an input of NULL, what
 * was written is kept. EINVAL, too, where cp_read or cp_poll was called for a stream whose end was not read, and for an
 * input of more than CP_INPUT_MAX bytes, of which nothing is written.
 */
int cp_communicate(cp_process *process, const void *input, size_t size, const cp_limits *limits, cp_output *output);

/*
 * Starts a command with pipes for the streams that were not set, communicates, and frees the process, which kills it
 * if it has not ended: all of popen to pclose. The command is the caller's still, and as it was. Else as cp_spawn and
 * cp_communicate.
 */
int cp_run(cp_command *command, const void *input, size_t size, const cp_limits *limits, cp_output *output);

/* Frees what an output holds and makes it empty. */
void cp_output_free(cp_output *output);

/* ------------------------------------------------------------------------------------------------- piped streams */

/* EBADF below, with CP_ERROR_LOCAL, is a stream that is not piped, was closed, or was given to another process. */

/*
 * Reads from CP_STDOUT or CP_STDERR, and waits until there is something: at least 1 byte, 0 at the end, -1 for an
 * error.
 */
ssize_t cp_read(cp_process *process, cp_stream stream, void *buffer, size_t size);

/*
 * Writes all of it to stdin, and waits as often as it takes: `size`, or -1. EPIPE once nobody reads; the write that
 * finds out may be one after the process closed its end. A process whose output nobody reads may stop reading: see
 * cp_poll.
 */
ssize_t cp_write(cp_process *process, const void *bytes, size_t size);

/* Writes what the pipe takes, and waits only until it takes something: at least 1 byte, or -1. */
ssize_t cp_write_some(cp_process *process, const void *bytes, size_t size);

/* Waits until all that was written to stdin is in the pipe. */
int cp_flush(cp_process *process);

/* Closes the guest's end of a pipe. What was written to stdin is still written. */
int cp_close(cp_process *process, cp_stream stream);

/* What to wait for. */
typedef enum cp_event {
    CP_ON_STDIN,  /* cp_write_some will not wait */
    CP_ON_STDOUT, /* cp_read will not wait: there are bytes, or the end */
    CP_ON_STDERR,
    CP_ON_END /* the process has ended */
} cp_event;

typedef struct cp_poll_item {
    cp_process *process; /* NULL for one to be passed over */
    cp_event event;
    bool ready; /* answered */
} cp_poll_item;

/*
 * Waits until something of it is ready, but no longer than `timeout`: CP_UNSET is for ever, 0 not to wait at all.
 * Answers how many are ready, 0 if the time is over, or -1; EINVAL where there is nothing to wait for, and no time.
 */
int cp_poll(cp_poll_item *items, size_t count, cp_duration timeout);

#ifdef __cplusplus
}
#endif

#endif
