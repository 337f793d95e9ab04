/* The last error, and the words for what the interface has: errors, quotas, signals, limits, statuses. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "childproof_internal.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* -------------------------------------------------------------------------------------------------------- tables */

/*
 * A case of the interface's error: its tag there, its code and name, what errno is then, and what is said of it: a
 * sentence, or what is behind the field where it has one, or NULL where the message is all there is.
 */
typedef struct error_row {
    uint8_t tag;
    cp_error_code code;
    int number;
    const char *name;
    const char *text;
    bool has_field;
} error_row;

#define ERROR(CASE, NUMBER, NAME, TEXT) \
    {CHILDPROOF_PROCESS_TYPES_ERROR_##CASE, CP_ERROR_##CASE, NUMBER, NAME, TEXT, false}
#define PROBLEM(CASE, NUMBER, NAME, TEXT) \
    {CHILDPROOF_PROCESS_TYPES_ERROR_##CASE, CP_ERROR_##CASE, NUMBER, NAME, TEXT, true}

static const error_row ERRORS[] = {
    ERROR(UNKNOWN_GRANT, ENOENT, "unknown-grant", NULL),
    PROBLEM(REFUSED, EACCES, "refused", "was refused"),
    PROBLEM(INVALID_ARGUMENT, EINVAL, "invalid-argument", "is invalid"),
    PROBLEM(UNSUPPORTED, ENOTSUP, "unsupported", "is not supported"),
    ERROR(QUOTA_EXCEEDED, EDQUOT, "quota-exceeded", "a quota of the policy is used up"),
    ERROR(PROGRAM_NOT_FOUND, ENOENT, "program-not-found", "the program of the grant is gone"),
    ERROR(INTERPRETER_NOT_FOUND, ENOENT, "interpreter-not-found",
          "the interpreter that the program names does not exist"),
    ERROR(NOT_EXECUTABLE, EACCES, "not-executable", "the file of the grant is not executable"),
    ERROR(PROGRAM_CHANGED, ESTALE, "program-changed", "the program of the grant changed after the policy was loaded"),
    ERROR(PROGRAM_BUSY, ETXTBSY, "program-busy", "the program is open for writing"),
    ERROR(DIRECTORY_NOT_FOUND, ENOENT, "directory-not-found", "the working directory does not exist"),
    ERROR(NOT_A_DIRECTORY, ENOTDIR, "not-a-directory", "the working directory is not a directory"),
    ERROR(ARGUMENTS_TOO_LONG, E2BIG, "arguments-too-long",
          "arguments and environment are larger than the system takes"),
    ERROR(TOO_MANY_OPEN_FILES, EMFILE, "too-many-open-files", "the host has no file descriptor left"),
    ERROR(TOO_MANY_PROCESSES, EAGAIN, "too-many-processes", "the system has no process left for this user"),
    ERROR(OUT_OF_MEMORY, ENOMEM, "out-of-memory", "the system has no memory left"),
    ERROR(NO_SUCH_PROCESS, ESRCH, "no-such-process", "the process has ended"),
    ERROR(STATUS_LOST, ECHILD, "status-lost", "the exit status was collected by somebody else"),
    ERROR(TIMED_OUT, ETIMEDOUT, "timed-out", "the time given to the call is over"),
    ERROR(OUTPUT_LIMIT_REACHED, EFBIG, "output-limit-reached", "the process wrote more than the call may hold"),
    ERROR(OTHER, EIO, "other", NULL),
};

typedef struct name_row {
    uint8_t tag;
    int value;
    const char *name;
} name_row;

#define QUOTA(CASE, NAME) {CHILDPROOF_PROCESS_TYPES_QUOTA_##CASE, CP_QUOTA_##CASE, NAME}

static const name_row QUOTAS[] = {
    QUOTA(LIVE_PROCESSES, "live-processes"),
    QUOTA(TOTAL_SPAWNS, "total-spawns"),
    QUOTA(HELD_PROCESSES, "held-processes"),
    QUOTA(HELD_BYTES, "held-bytes"),
};

#define LIMIT(CASE, NAME) {CHILDPROOF_PROCESS_TYPES_LIMIT_##CASE, CP_LIMIT_##CASE, NAME}

static const name_row LIMITS[] = {
    LIMIT(WALL_TIME, "wall-time"), LIMIT(OUTPUT, "output"),       LIMIT(CPU_TIME, "cpu-time"),
    LIMIT(MEMORY, "memory"),       LIMIT(FILE_SIZE, "file-size"),
};

#define SIGNAL(CASE) {CHILDPROOF_PROCESS_TYPES_SIGNAL_##CASE, CP_SIG##CASE, "SIG" #CASE}

static const name_row SIGNALS[] = {
    SIGNAL(ABRT),
    SIGNAL(ALRM),
    SIGNAL(BUS),
    SIGNAL(CHLD),
    SIGNAL(CONT),
    SIGNAL(FPE),
    SIGNAL(HUP),
    SIGNAL(ILL),
    SIGNAL(INT),
    SIGNAL(IO),
    SIGNAL(KILL),
    SIGNAL(PIPE),
    SIGNAL(PROF),
    SIGNAL(PWR),
    SIGNAL(QUIT),
    SIGNAL(SEGV),
    SIGNAL(STKFLT),
    SIGNAL(STOP),
    SIGNAL(SYS),
    SIGNAL(TERM),
    SIGNAL(TRAP),
    SIGNAL(TSTP),
    SIGNAL(TTIN),
    SIGNAL(TTOU),
    SIGNAL(URG),
    SIGNAL(USR1),
    SIGNAL(USR2),
    SIGNAL(VTALRM),
    SIGNAL(WINCH),
    SIGNAL(XCPU),
    SIGNAL(XFSZ),
    {CHILDPROOF_PROCESS_TYPES_SIGNAL_UNNAMED, CP_SIGUNNAMED, "a signal without a name"},
    {CHILDPROOF_PROCESS_TYPES_SIGNAL_REALTIME, CP_SIGRTMIN, "SIGRTMIN"},
};

static const name_row *by_tag(const name_row *rows, size_t count, uint8_t tag) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].tag == tag) {
            return &rows[i];
        }
    }
    return NULL;
}

static const char *name_of(const name_row *rows, size_t count, int value) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].value == value) {
            return rows[i].name;
        }
    }
    return "";
}

static const error_row *by_code(cp_error_code code) {
    for (size_t i = 0; i < LENGTH(ERRORS); i++) {
        if (ERRORS[i].code == code) {
            return &ERRORS[i];
        }
    }
    return NULL;
}

const char *cp_error_name(cp_error_code code) {
    const error_row *row = by_code(code);
    return row != NULL ? row->name : code == CP_ERROR_LOCAL ? "local" : "none";
}

const char *cp_quota_name(cp_quota quota) {
    return name_of(QUOTAS, LENGTH(QUOTAS), (int)quota);
}

const char *cp_limit_name(cp_limit limit) {
    return name_of(LIMITS, LENGTH(LIMITS), (int)limit);
}

const char *cp_signal_name(int signal) {
    bool is_realtime = signal >= CP_SIGRTMIN && signal - CP_SIGRTMIN <= UINT8_MAX;
    return name_of(SIGNALS, LENGTH(SIGNALS), is_realtime ? CP_SIGRTMIN : signal);
}

/* ------------------------------------------------------------------------------------------------ the last error */

/* The one state of the library: the last error and the strings that it points to. */
static struct {
    cp_error error;
    cpi_failure failure;
    char *text;
} last = {.error = {.field = "", .message = "", .text = "nothing has failed"}};

char *cpi_join(const char *first, ...) {
    va_list parts;
    size_t size = 1;
    va_start(parts, first);
    for (const char *part = first; part != NULL; part = va_arg(parts, const char *)) {
        size += strlen(part);
    }
    va_end(parts);
    char *joined = malloc(size);
    if (joined == NULL) {
        return NULL;
    }
    char *end = joined;
    va_start(parts, first);
    for (const char *part = first; part != NULL; part = va_arg(parts, const char *)) {
        size_t length = strlen(part);
        memcpy(end, part, length);
        end += length;
    }
    va_end(parts);
    *end = '\0';
    return joined;
}

void cpi_failure_free(cpi_failure *failure) {
    free(failure->field);
    free(failure->message);
    *failure = (cpi_failure){.code = CP_ERROR_NONE};
}

/* The sentence for a failure, or NULL where there is no memory for it. */
static char *text_of(const cpi_failure *failure, const char *field, const char *message) {
    const error_row *row = by_code(failure->code);
    if (failure->quota != CP_QUOTA_NONE) {
        return cpi_join("the policy's quota of ", cp_quota_name(failure->quota), " is used up", NULL);
    }
    if (row == NULL || row->text == NULL) {
        return *field == '\0' ? cpi_join(message, NULL) : cpi_join(field, ": ", message, NULL);
    }
    const char *colon = *message != '\0' ? ": " : "";
    if (!row->has_field) {
        return cpi_join(row->text, colon, message, NULL);
    }
    return cpi_join(*field != '\0' ? field : "the request", " ", row->text, colon, message, NULL);
}

int cpi_raise(cpi_failure failure) {
    const error_row *row = by_code(failure.code);
    cpi_failure_free(&last.failure);
    free(last.text);
    last.failure = failure;
    const char *field = failure.field != NULL ? failure.field : "";
    const char *message = failure.message != NULL ? failure.message : "";
    last.text = text_of(&failure, field, message);
    const char *fallback = row != NULL ? row->name : "out of memory";
    last.error = (cp_error){
        .code = failure.code,
        .number = failure.number,
        .quota = failure.quota,
        .field = field,
        .message = message,
        .text = last.text != NULL ? last.text : fallback,
    };
    errno = failure.number;
    return -1;
}

int cpi_fail(cp_error_code code, int number, const char *field, const char *message) {
    return cpi_raise((cpi_failure){
        .code = code,
        .number = number,
        .field = field != NULL ? cpi_join(field, NULL) : NULL,
        .message = message != NULL ? cpi_join(message, NULL) : NULL,
    });
}

int cpi_no_memory(void) {
    return cpi_fail(CP_ERROR_LOCAL, ENOMEM, NULL, "the guest has no memory left");
}

cpi_failure cpi_last_failure(void) {
    cpi_failure copy = last.failure;
    copy.field = cpi_join(last.error.field, NULL);
    copy.message = cpi_join(last.error.message, NULL);
    return copy;
}

/* Makes a string of the interface one of C, and frees it. NULL where there is no memory. */
static char *owned(wit_string *string) {
    char *copy = malloc(string->len + 1);
    if (copy != NULL) {
        memcpy(copy, string->ptr, string->len);
        copy[string->len] = '\0';
    }
    childproof_bindings_string_free(string);
    return copy;
}

static void own_problem(cpi_failure *failure, childproof_process_types_problem_t *problem) {
    failure->field = owned(&problem->field);
    failure->message = owned(&problem->message);
}

int cpi_fail_with(wit_error *error) {
    cpi_failure failure = {.code = CP_ERROR_OTHER, .number = EIO};
    for (size_t i = 0; i < LENGTH(ERRORS); i++) {
        if (ERRORS[i].tag == error->tag) {
            failure.code = ERRORS[i].code;
            failure.number = ERRORS[i].number;
        }
    }
    switch (error->tag) {
    case CHILDPROOF_PROCESS_TYPES_ERROR_UNKNOWN_GRANT:
        failure.message = owned(&error->val.unknown_grant);
        break;
    case CHILDPROOF_PROCESS_TYPES_ERROR_REFUSED:
        own_problem(&failure, &error->val.refused);
        break;
    case CHILDPROOF_PROCESS_TYPES_ERROR_INVALID_ARGUMENT:
        own_problem(&failure, &error->val.invalid_argument);
        break;
    case CHILDPROOF_PROCESS_TYPES_ERROR_UNSUPPORTED:
        own_problem(&failure, &error->val.unsupported);
        break;
    case CHILDPROOF_PROCESS_TYPES_ERROR_QUOTA_EXCEEDED: {
        const name_row *row = by_tag(QUOTAS, LENGTH(QUOTAS), error->val.quota_exceeded);
        failure.quota = row != NULL ? (cp_quota)row->value : CP_QUOTA_NONE;
        break;
    }
    case CHILDPROOF_PROCESS_TYPES_ERROR_OTHER:
        failure.message = owned(&error->val.other);
        break;
    default:
        break;
    }
    return cpi_raise(failure);
}

const cp_error *cp_last_error(void) {
    return &last.error;
}

void cp_perror(const char *what) {
    if (what != NULL && *what != '\0') {
        fprintf(stderr, "%s: %s\n", what, last.error.text);
    } else {
        fprintf(stderr, "%s\n", last.error.text);
    }
}

/* -------------------------------------------------------------------------------------------- signals and statuses */

bool cpi_signal(int signal, wit_signal *answer) {
    if (signal >= CP_SIGRTMIN && signal - CP_SIGRTMIN <= UINT8_MAX) {
        answer->tag = CHILDPROOF_PROCESS_TYPES_SIGNAL_REALTIME;
        answer->val.realtime = (uint8_t)(signal - CP_SIGRTMIN);
        return true;
    }
    for (size_t i = 0; i < LENGTH(SIGNALS); i++) {
        if (SIGNALS[i].value == signal) {
            answer->tag = SIGNALS[i].tag;
            answer->val.realtime = 0;
            return true;
        }
    }
    return false;
}

static int signal_of(const wit_signal *signal) {
    if (signal->tag == CHILDPROOF_PROCESS_TYPES_SIGNAL_REALTIME) {
        return CP_SIGRTMIN + signal->val.realtime;
    }
    const name_row *row = by_tag(SIGNALS, LENGTH(SIGNALS), signal->tag);
    return row != NULL ? row->value : CP_SIGUNNAMED;
}

cp_status cpi_status(const wit_status *status) {
    cp_status answer = {.termination = CP_EXITED, .ended_by = CP_BY_ITSELF};
    if (status->termination.tag == CHILDPROOF_PROCESS_TYPES_TERMINATION_SIGNALED) {
        answer.termination = CP_SIGNALED;
        answer.signal = signal_of(&status->termination.val.signaled);
    } else {
        answer.code = status->termination.val.exited;
    }
    if (status->ended_by.tag == CHILDPROOF_PROCESS_TYPES_ENDED_BY_GUEST) {
        answer.ended_by = CP_BY_GUEST;
    } else if (status->ended_by.tag == CHILDPROOF_PROCESS_TYPES_ENDED_BY_LIMIT) {
        const name_row *row = by_tag(LIMITS, LENGTH(LIMITS), status->ended_by.val.limit);
        answer.ended_by = CP_BY_LIMIT;
        answer.limit = row != NULL ? (cp_limit)row->value : CP_LIMIT_NONE;
    }
    return answer;
}

bool cp_success(const cp_status *status) {
    return status->termination == CP_EXITED && status->code == 0;
}

size_t cp_status_text(const cp_status *status, char *buffer, size_t size) {
    char end[64];
    if (status->termination == CP_EXITED) {
        snprintf(end, sizeof(end), "exited with %lu", (unsigned long)status->code);
    } else if (status->signal > CP_SIGRTMIN) {
        snprintf(end, sizeof(end), "ended by SIGRTMIN+%d", status->signal - CP_SIGRTMIN);
    } else {
        snprintf(end, sizeof(end), "ended by %s", cp_signal_name(status->signal));
    }
    const char *before = "";
    const char *who = "";
    const char *after = "";
    if (status->ended_by == CP_BY_GUEST) {
        who = " (sent by the guest)";
    } else if (status->ended_by == CP_BY_LIMIT) {
        before = " (limit: ";
        who = cp_limit_name(status->limit);
        after = ")";
    }
    int length = snprintf(buffer, size, "%s%s%s%s", end, before, who, after);
    return length < 0 ? 0 : (size_t)length;
}

const char *cpi_stream_name(cp_stream stream) {
    switch (stream) {
    case CP_STDIN:
        return "stdin";
    case CP_STDOUT:
        return "stdout";
    case CP_STDERR:
        return "stderr";
    }
    return "stream";
}
